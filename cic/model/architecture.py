"""What fixes the shape of a network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Architecture(BaseModel):
    """What fixes the shape of an `Autoencoder`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_inputs: Annotated[int, Field(ge=1)]
    bottleneck_width: Annotated[int, Field(ge=1)]
    depth: Annotated[int, Field(ge=0, le=5)] = Field(description="hidden layers on each side; 0 is PCA")
    hidden_width: Annotated[int, Field(ge=1)] = Field(256, description="of the decoder's last hidden layer")
    activation: Literal["elu", "gelu"] = "gelu"
    refinements: Annotated[int, Field(ge=0, le=10)] = Field(
        1, description="steps by which the encoder improves its code against its own decoder"
    )
    curvature: Annotated[int, Field(ge=0)] = Field(
        0, description="first outputs that tell how such a step bends, with the error told by all; 0 is all of them"
    )
    members: Annotated[int, Field(ge=1)] = Field(
        1, description="networks whose hidden layers stand side by side in this one (`cic.model.merging`)"
    )
    n_labels: Annotated[int, Field(ge=0)] = Field(0, description="classes of the head on the code; 0 is no head")


def encoder_widths(architecture: Architecture) -> list[int]:
    """Give the encoder's hidden widths: a quarter of the decoder's, which pays for itself more."""
    members = architecture.members
    of_one = max(architecture.hidden_width // members // 4, architecture.bottleneck_width)
    return [members * of_one] * architecture.depth


def decoder_widths(architecture: Architecture) -> list[int]:
    """Give the decoder's hidden widths: half the width of its last one, until that one."""
    hidden, members = architecture.hidden_width, architecture.members
    of_one = max(hidden // members // 2, 1)
    return [members * of_one] * (architecture.depth - 1) + [hidden] * (architecture.depth > 0)
