"""What is looked at before anything is trained: the profiles and the table about them, what that says, and its page.

Axes: S profiles, G genes, K components, R replicate sets, L labels, P groups.
"""
