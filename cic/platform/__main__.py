"""The supervisor in the background: ``python -m cic.platform``."""

from __future__ import annotations

import logging
import sys
import time

from cic.errors import CicError
from cic.platform.control import ALREADY_RUNNING_STATUS
from cic.platform.ownership import AlreadyRunning
from cic.platform.supervisor import Supervisor
from cic.settings import load_settings


def main() -> int:
    """Run the platform that the environment describes; gives the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    logging.Formatter.converter = time.gmtime
    try:
        Supervisor(load_settings(with_platform=False)).run()
    except AlreadyRunning:
        return ALREADY_RUNNING_STATUS
    except CicError as error:
        logging.getLogger("cic.platform").error("%s", error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
