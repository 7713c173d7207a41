# SPDX-License-Identifier: BSD-2-Clause
# timeout: 300
"""Our target in one guest, the kernel's initiator in another; each loses its power in the middle of writing."""
MIB = 1 << 20
IQN = "iqn.2026-11.org.example:store"
CLIENT = "iqn.2026-11.org.example:client"
TARGET = "LUNAR_TARGET_SOCKET=/srv/state/target.sock /lunar/build/lunar target"
DISK = f"/dev/disk/by-path/ip-10.77.0.1:3260-iscsi-{IQN}-lun-0"
CONFIGURE = f"""{TARGET} <<END
/backstores/fileio create disk0 /srv/disk0.img 96M
/iscsi create {IQN}
/iscsi/{IQN}/tpg1/luns create /backstores/fileio/disk0
/iscsi/{IQN}/tpg1/acls create {CLIENT}
saveconfig
END
"""


def script(*lines):
    """Lines of shell as one argument of one line."""
    return "bash -e -c $'" + "\\n".join(lines).replace("'", "\\'").replace("\n", "\\n") + "'"


def wait_for(what):
    return f"for i in {{1..300}}; do {what} && break; sleep 0.1; done; {what}"


def start_target(lab, guest, *before):
    lab.attempt(guest, "the target starts", script(
        *before, "mount /dev/vdb /srv",
        "setsid /lunar/build/lunar-targetd --state /srv/state >/tmp/log 2>&1 </dev/null &",
        wait_for("grep -q ready: /tmp/log")))


def log_in(lab, guest):
    lab.attempt(guest, "logs in", script(
        f"echo InitiatorName={CLIENT} >/etc/iscsi/initiatorname.iscsi",
        "modprobe -a iscsi_tcp sd_mod", "iscsid",
        "iscsiadm -m discovery -t st -p 10.77.0.1", f"iscsiadm -m node -T {IQN} --login",
        wait_for(f"test -b {DISK}")))


def scenario(lab):
    store, client = lab.guest("target"), lab.guest("initiator")
    disk = lab.disk("store", 512 * MIB)
    store.boot(disks=[disk], address="10.77.0.1/24", memory=512)
    code, said = store.do("/lunar/build/lunar --version")
    if code:
        raise lab.Skip(f"the programs do not run on the guest's Debian: {said[-1]}")
    start_target(lab, store, "mkfs.ext4 -q /dev/vdb")
    lab.attempt(store, "is configured", script(CONFIGURE))

    client.boot(address="10.77.0.2/24", memory=512)
    log_in(lab, client)
    lab.attempt(client, "ext4 with a file that is on the disk", script(
        f"mkfs.ext4 -q {DISK}", f"mount {DISK} /mnt", "head -c 4M /dev/urandom >/mnt/kept", "sync"))
    kept = client.do("sha256sum </mnt/kept")[1]
    lab.attempt(client, "writes on", script(
        "(i=0; while :; do i=$((i + 1)); head -c 100k /dev/urandom >/mnt/file$((i % 50)); done) "
        ">/dev/null 2>&1 </dev/null &", "sleep 3"))
    client.power_cut()
    client.boot(address="10.77.0.2/24", memory=512)
    log_in(lab, client)
    lab.attempt(client, "mounts it again", f"mount {DISK} /mnt")
    lab.attempt(client, "the journal was recovered", "dmesg | grep 'recovery complete'")
    lab.case("the file is as it was", client.do("sha256sum </mnt/kept")[1] == kept)
    lab.attempt(client, "nothing else is wrong", f"umount /mnt && e2fsck -fn {DISK}")

    lab.attempt(client, "fio writes, and verifies what it has written", script(
        f"(fio --name=v --filename={DISK} --direct=1 --ioengine=libaio --rw=randwrite --bs=16k --iodepth=4 "
        "--size=24M --time_based --runtime=14 --verify=crc32c --verify_fatal=1 >/tmp/fio 2>&1; "
        "echo $? >/tmp/result) >/dev/null 2>&1 </dev/null &", "sleep 3"))
    lab.attempt(store, "what it has promised is on its disk", "sync -f /srv/disk0.img")
    store.power_cut()
    store.boot(disks=[disk], address="10.77.0.1/24", memory=512)
    start_target(lab, store)
    lab.attempt(client, "fio has lost nothing", script(
        "for i in {1..1000}; do test -s /tmp/result && break; sleep 0.1; done; "
        "cat /tmp/fio; test 0 = $(cat /tmp/result)"))
    lab.attempt(client, "logs out", f"iscsiadm -m node -T {IQN} --logout")
    lab.attempt(store, "the target ends", script(
        "pkill -o lunar-targetd", wait_for("! pgrep lunar-targetd"), "umount /srv"))
    store.off()
    client.off()
