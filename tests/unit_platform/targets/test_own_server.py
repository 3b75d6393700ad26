"""A Rucket of a run's own, started for real."""

from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from rucket_platform.clients.s3 import Buckets
from rucket_platform.errors import TargetError
from rucket_platform.targets.own_server import WantedUser, own_server
from rucket_platform.targets.reach import check_reach


def test_a_run_s_server_has_its_users_and_keeps_its_data_until_the_run_ends(
    tmp_path: Path,
) -> None:
    """Stopped and started it goes on; afterwards neither process nor folder is left."""
    folder = tmp_path / "own"
    with own_server(users=(WantedUser("alt", "Alt", "alt@example.com"),), directory=folder) as own:
        target = own.start()
        root, alt = target.accounts
        assert (alt.name, alt.display_name, alt.email) == ("alt", "Alt", "alt@example.com")
        assert len({root.canonical_id, alt.canonical_id}) == 2
        check_reach(target)
        with Buckets(target.connection(alt)) as buckets:
            buckets.create("kept")
        own.stop()
        with pytest.raises(TargetError, match="nothing answers"):
            check_reach(target)
        again = own.start()
        assert again.accounts == target.accounts
        with Buckets(again.connection(alt)) as buckets:
            assert buckets.names() == ["kept"]
        wrong = replace(root, secret_access_key="not-" + root.secret_access_key)
        with pytest.raises(TargetError, match="refuses the keys of root"):
            check_reach(replace(again, accounts=(wrong,)))
    assert not any(psutil.pid_exists(pid) for pid in again.pids)
    assert not folder.exists()
