#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# network: own
# The daemon: configured while it runs, saved, ended in every way, and started again; disks that are not there yet.
. "$(dirname "$0")/functions.sh"
need iscsi-ls iscsi-inq iscsi-readcapacity16 qemu-io

PORT=$("$HERE/free-port.py")
PORTAL=127.0.0.1:$PORT
IQN=iqn.2026-01.test.lunar:store
LIBISCSI=iqn.2026-01.test.lunar:libiscsi
SECRET=correct-horse-1

create() { # PATH ARGS
	control tree.create "{\"path\": \"$1\", \"args\": {$2}}"
}

set_values() { # PATH GROUP VALUES
	control tree.set "{\"path\": \"$1\", \"group\": \"$2\", \"values\": {$3}}"
}

login() { # [USER%SECRET@] [LUN]
	timeout -k 5 10 iscsi-readcapacity16 -s -i "$LIBISCSI" "iscsi://${1-alice%$SECRET@}$PORTAL/$IQN/${2-0}"
}

serial() {
	iscsi-inq -i "$LIBISCSI" -e 1 -c 128 "iscsi://alice%$SECRET@$PORTAL/$IQN/0"
}

data() { # COMMAND...
	IO_OPTIONS=(--object "secret,id=s,data=$SECRET")
	io_lun "user=alice,password-secret=s,initiator-name=$LIBISCSI" "$@"
}

# --- whoever may use the socket has to get at it

GROUP=$(id -gn nobody 2>/dev/null || echo nogroup)
mkdir -p open
start_daemon --group "$GROUP"
says "a group that cannot get at the socket is a warning" "--group $GROUP: .*$T/state is closed to them.*--socket" "$T/target.err"
stop_target
start_daemon --group "$GROUP" --socket "$T/open/target.sock"
if grep -q -- --group "$T/target.err"; then not_ok "elsewhere it is none" "$T/target.err"; else ok "elsewhere it is none"; fi
stop_target

# --- nothing yet

start_daemon
try "it starts with nothing" control version
try_fails "nobody can log in to nothing" login
timeout -k 5 30 "$(dirname "$LUNAR")/lunar-targetd" --state "$T/state" 2>second.err
is "a second one there is refused" $? 1
says "and told why" 'control socket .*another daemon serves there' second.err

# --- the workflow

try "a backstore" create /backstores/fileio \
	"\"name\": \"disk0\", \"file_or_dev\": \"$T/disk0.img\", \"size\": \"32M\""
says "as targetcli says it" 'Created fileio disk0 with size 33554432'
try_fails "the same again" create /backstores/fileio \
	"\"name\": \"disk0\", \"file_or_dev\": \"$T/other.img\", \"size\": \"32M\""
says "is refused in targetcli's words" 'Storage object fileio/disk0 exists'
try_fails "a file that is not there, without a size" create /backstores/fileio \
	"\"name\": \"none\", \"file_or_dev\": \"$T/none.img\""
says "is told what to type" 'no such file; a size, such as 10G, would make one'
try "one that takes all its room at once" create /backstores/fileio \
	"\"name\": \"full\", \"file_or_dev\": \"$T/full.img\", \"size\": \"4M\", \"sparse\": \"false\""
is "has it" "$(stat -c %b "$T/full.img")" 8192
try_fails "what there is no room for" create /backstores/fileio \
	"\"name\": \"huge\", \"file_or_dev\": \"$T/huge.img\", \"size\": \"15T\", \"sparse\": \"false\""
says "is refused with what to do" 'there is no room .*make it smaller, or leave sparse=false out'
[ -e "$T/huge.img" ] && not_ok "and leaves no file" || ok "and leaves no file"
try "it goes again" control tree.delete '{"path": "/backstores/fileio", "args": {"name": "full"}}'
try "a target" create /iscsi "\"wwn\": \"$IQN\""
try "without the portal on all addresses" control tree.delete \
	"{\"path\": \"/iscsi/$IQN/tpg1/portals\", \"args\": {\"ip_address\": \"0.0.0.0\", \"ip_port\": \"3260\"}}"
try "a portal" create "/iscsi/$IQN/tpg1/portals" "\"ip_address\": \"127.0.0.1\", \"ip_port\": \"$PORT\""
try_fails "a portal that is no address of ours" create "/iscsi/$IQN/tpg1/portals" \
	'"ip_address": "203.0.113.7", "ip_port": "3260"'
says "is refused with what to do" '203.0.113.7:3260 cannot be listened on: .*ip address'
try "a LUN" create "/iscsi/$IQN/tpg1/luns" '"storage_object": "/backstores/fileio/disk0"'
try_fails "an initiator without ACL" login ''
try "an ACL" create "/iscsi/$IQN/tpg1/acls" "\"wwn\": \"$LIBISCSI\""
says "sees the LUN" 'Created mapped LUN 0'
try "its initiator may come" login ''
try "CHAP is asked for" set_values "/iscsi/$IQN/tpg1" attribute '"authentication": "1"'
try_fails "then nobody without" login ''
try "an account" set_values "/iscsi/$IQN/tpg1/acls/$LIBISCSI" auth \
	"\"userid\": \"alice\", \"password\": \"$SECRET\""
try "with the secret" login
try_fails "with another one" login 'alice%correct-horse-2@'
try "discovery shows it" iscsi-ls -i "$LIBISCSI" "iscsi://$PORTAL"
try "data is written" data "write -P 7 0 1M" "flush"
io_memory() { # COMMAND...
	local args=() c
	for c; do args+=(-c "$c"); done
	timeout -k 5 "$LIMIT" qemu-io --object "secret,id=s,data=$SECRET" "${args[@]}" --image-opts \
		"driver=iscsi,transport=tcp,portal=$PORTAL,target=$IQN,lun=1,user=alice,password-secret=s,initiator-name=$LIBISCSI" \
		</dev/null
}
serial >serial.before
resize() { # SIZE [MORE]
	control tree.resize "{\"path\": \"/backstores/fileio/disk0\", \"size\": \"$1\"${2:-}}"
}
try "the disk gets larger" resize 48M
try "which initiators are told" login
says "in blocks" '^50331648$|98303'
try_fails "smaller only when it is meant" resize 32M
try "and then it is" resize 32M ', "force": true'
try "it is saved" control config.save

# --- of what is there

truncate -s 1M plain.img
try "a LUN of an image that is there" create "/iscsi/$IQN/tpg1/luns" "\"storage_object\": \"$T/plain.img\""
says "which becomes a backstore" 'Created storage object .*-plain\.img\.'
try "it is read" login "alice%$SECRET@" 1
says "in its size" '^1048576$|2047'
NAME=${T#/}/plain.img
NAME=${NAME//\//-}
try "it is deleted" control tree.delete "{\"path\": \"/backstores/fileio\", \"args\": {\"name\": \"$NAME\"}}"
try_fails "a LUN of nothing" create "/iscsi/$IQN/tpg1/luns" "\"storage_object\": \"$T/nothing.img\""
says "is refused as by targetcli" 'storage object or path not valid'
: >empty.img
try_fails "a LUN of an empty file" create "/iscsi/$IQN/tpg1/luns" "\"storage_object\": \"$T/empty.img\""
says "is refused with what to do" 'empty.img is empty; remove it'
try_fails "and leaves no backstore" control tree.list "{\"path\": \"/backstores/fileio/${NAME%plain.img}empty.img\"}"

# --- ended and started

kill_and_start() { # SIGNAL
	stop_target "$1"
	start_daemon
}

kill_and_start TERM
is "SIGTERM ends it in order" "$STATUS" 0
try "after a restart everything is there" login
try "and the data" data "read -P 7 0 1M"
serial >serial.after
is "the disk is the same one" "$(cat serial.after)" "$(cat serial.before)"
kill_and_start KILL
wait_for 10 login # its port may still be held for a moment by what the dead one had under way
try "after SIGKILL as well" login
try "and the data" data "read -P 7 0 1M"

kill -KILL "$SERVER"
wait_for 10 login
try "the process on the network is killed: another one serves" login
says "and it is said" 'killed by signal 9' "$T/target.err"
SERVER=$(server_pid)

try "a change that is not saved" set_values "/iscsi/$IQN/tpg1" attribute '"authentication": "0"'
kill -KILL "$SERVER"
wait_for 10 login ''
try "outlives the process on the network" login ''
kill_and_start TERM
try_fails "but no restart" login ''

# --- memory outlives the process on the network

try "a disk in memory" create /backstores/ramdisk '"name": "memory", "size": "16M"'
try "as a LUN" create "/iscsi/$IQN/tpg1/luns" '"storage_object": "/backstores/ramdisk/memory"'
try "is written to" io_memory "write -P 9 1M 64k"
SERVER=$(server_pid)
kill -KILL "$SERVER"
wait_for 10 login
try "what is in it is there after that" io_memory "read -P 9 1M 64k" "read -P 0 2M 64k"
try "it is deleted" control tree.delete '{"path": "/backstores/ramdisk", "args": {"name": "memory"}}'

# --- a disk that comes late

stop_target
mv disk0.img away.img
start_daemon
try "without its disk it starts" control version
says "and says what it waits for" 'disk0: .*it is waited for' "$T/target.err"
iscsi-inq -i "$LIBISCSI" "iscsi://alice%$SECRET@$PORTAL/$IQN/0" >inq.out 2>&1
if grep -q DIRECT_ACCESS inq.out; then
	not_ok "there is no LUN 0 now" inq.out
else
	ok "there is no LUN 0 now"
fi
try "it can be saved meanwhile" control config.save
mv away.img disk0.img
wait_for 10 login
try "the disk comes, and its LUN" login
try "with its data" data "read -P 7 0 1M"
kill_and_start TERM
try "and it was never forgotten" login

# --- taken away

start_client busy.log qemu-io --object "secret,id=s,data=$SECRET" -c "write -P 1 0 4k" -c "sleep 20000" --image-opts \
	"driver=iscsi,transport=tcp,portal=$PORTAL,target=$IQN,lun=0,user=alice,password-secret=s,initiator-name=$LIBISCSI"
try "somebody uses it" wait_for 10 grep -q wrote busy.log
try "it is seen who is there" control session.list
says "by name" "\"initiator\": \"$LIBISCSI\""
says "by account" '"user": "alice"'
try "it is explained who may come" control target.explain "{\"initiator\": \"$LIBISCSI\"}"
says "as whom" '"user": "alice"'
says "and to what" '"storage_object": "/backstores/fileio/disk0"'
try "and who may not" control target.explain '{"initiator": "iqn.2026-01.test.lunar:nobody"}'
says "with the reason" '"why": ".*ACL'
before=$SECONDS
try "a target in use is deleted" control tree.delete "{\"path\": \"/iscsi\", \"args\": {\"wwn\": \"$IQN\"}}"
[ $((SECONDS - before)) -lt 10 ] && ok "soon" || not_ok "soon: $((SECONDS - before)) s"
try_fails "nobody can log in" login
try "its backstore as well" control tree.delete '{"path": "/backstores/fileio", "args": {"name": "disk0"}}'
try "whose file is free again" qemu-io -f raw -c "read -P 7 4k 1020k" disk0.img
stop_target

# --- a file that was broken by hand

sed -i 's/"storage_objects"/storage_objects/' state/saveconfig.json
cp state/saveconfig.json broken.json
start_daemon
stop_target
is "a broken file is refused" "$STATUS" 1
says "with line and reason" 'line [0-9]+.*column [0-9]+' "$T/target.err"
try "and stays as it is" cmp state/saveconfig.json broken.json

if grep -rqF "$SECRET" "$T/target.err" "$T/out"; then
	not_ok "no secret is in the log" "$T/target.err"
else
	ok "no secret is in the log"
fi
done_testing
