"""The commands on a disk that is full: what they say, and that their advice works."""

import pytest

from tests.cli.conftest import Terminal, piped
from tests.crash.full_disks import CROWDED, Site
from tests.storage.qcow2.change import difference

pytestmark = pytest.mark.slow

#: A commit has no policy to wait with.
WAITING = [crowded for crowded in CROWDED if crowded.kind != "commit"]


def run(site: Site) -> tuple[int, str]:
    """Exit status and what was said."""
    with piped(*site.argv()) as process:
        said = process.communicate()[1]
    return process.returncode, said


@pytest.mark.parametrize("site", CROWDED, indirect=True, ids=str)
def test_a_command_on_a_full_disk_names_the_remedy_and_loses_nothing(site: Site) -> None:
    files = site.untouched()
    status, said = run(site)
    assert (status, site.untouched() == files) == (1, True)
    assert "No space left on device while " in said
    assert "make room and run again" in said
    assert not difference(site.shown(), site.before)


@pytest.mark.parametrize("site", CROWDED, indirect=True, ids=str)
def test_the_remedy_works(site: Site) -> None:
    run(site)
    site.small.grow()
    assert run(site)[0] == 0
    assert not difference(site.qemu.contents(site.result()), site.before)


@pytest.mark.parametrize("site", WAITING, indirect=True, ids=str)
def test_a_command_that_waits_for_space_goes_on_at_enter(site: Site) -> None:
    with Terminal(site.argv("enospc")) as terminal:
        assert "io-status nospace" in terminal.until("Enter tries again, Ctrl-C cancels")
        site.small.grow()
        terminal.press("\n")
        assert terminal.end() == 0
    assert not difference(site.qemu.contents(site.result()), site.before)
