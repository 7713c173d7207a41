# SPDX-License-Identifier: BSD-2-Clause
# timeout: 120
"""The lab judged: what it makes of guests that panic, hang, complain, and of cases that are missing; disks that stay."""
import contextlib
import io
import time


def judged(inner, work):
    """What a lab says and counts while something is done in it: failed cases, the fault, all its words."""
    before, fault = inner.failed, ""
    with io.StringIO() as said, contextlib.redirect_stdout(said):
        try:
            work()
        except inner.Fault as e:
            fault = str(e)
        return inner.failed - before, fault, said.getvalue()


def hang(inner, guest):
    inner.end = time.monotonic() + 2
    guest.do("sleep 600")


def scenario(lab):
    inner = type(lab)(lab.image, 100)
    try:
        guest = inner.guest("victim")
        disk = inner.disk("disk", 1 << 20)
        judged(inner, lambda: guest.boot(memory=256, disks=[disk]))
        for name, command, failures in (
                ("all is well", "echo ok 1 - a; echo 1..1", 0),
                ("a case fails", "echo ok 1 - a; echo not ok 2 - b; echo 1..2", 1),
                ("a case is missing", "echo ok 1 - a; echo 1..2", 1),
                ("there is no plan", "echo ok 1 - a", 1),
                ("its exit code is bad", "echo ok 1 - a; echo 1..1; exit 3", 1),
                ("a case is skipped", "echo 'not ok 1 - a # SKIP no tool'; echo 1..1", 0)):
            got = judged(inner, lambda c=command: inner.run(guest, c))
            if not lab.case(name, got[0] == failures and not got[1]):
                lab.say(repr(got))

        guest.do("echo kept >/dev/vdb; sync; touch /forgotten")
        guest.power_cut()
        judged(inner, lambda: guest.boot(memory=256, disks=[disk]))
        lab.case("a disk is there after a power cut", guest.do("head -c 4 /dev/vdb")[1] == ["kept"])
        lab.case("the guest's own is new", guest.do("test -e /forgotten")[0] == 1)
        lab.case("its kernel is well", judged(inner, inner.healthy)[0] == 0)
        guest.do("echo '<2>BUG: planted' >/dev/kmsg")
        lab.case("its kernel is not", judged(inner, inner.healthy)[0] == 1)
        got = judged(inner, lambda: hang(inner, guest))
        lab.case("it hangs", "its time is up" in got[1])

        inner.end = time.monotonic() + 60
        judged(inner, lambda: guest.boot(memory=256))
        got = judged(inner, lambda: guest.do("echo c >/proc/sysrq-trigger; sleep 60"))
        lab.case("it panics", "ended" in got[1])
        lab.case("and its last words are shown", "sysrq triggered crash" in got[2])
    finally:
        inner.close()
