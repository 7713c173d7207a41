#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# network: own
# The shell by itself: scripts, transactions, JSON, files, and what goes wrong; on a tree with nothing behind it.
. "$(dirname "$0")/functions.sh"
need python3
need_program admin_only

IQN=iqn.2026-01.test.lunar:store
TPG=/iscsi/$IQN/tpg1
export LUNAR_TARGET_SOCKET=$T/socket

start_tree() {
	"$ADMIN_ONLY" "$T/socket" >ready 2>tree.err </dev/null &
	TREE=$!
	TARGETS+=("$TREE")
	wait_for 10 grep -q ready ready
}

target() {
	"$LUNAR" target "$@"
}

# script LINE...: given to standard input.
script() {
	printf '%s\n' "$@"
}

# --- without a daemon

try_fails "without a daemon nothing works" target ls
is "and one line says so" "$(wc -l <out)" 1
says "with what to do" 'no daemon is running: nobody listens on .*/socket; start it with "systemctl start lunar-targetd"'
try_fails "a socket that is none" target --socket "$T" ls
target --nix >out 2>&1
is "an option that there is not" $? 2
try "its help" target --help
says "names the options" '--atomic'

# --- one command

start_tree
try "a disk in one command" target create disk vm1.img 1G
is "is named after its image" "$(target /backstores/fileio/vm1 info | grep dev)" "dev: $T/vm1.img"
try "one quoted argument" target "/iscsi create $IQN"
try "a LUN" target "$TPG/luns" create /backstores/fileio/vm1
try "a secret with spaces" target "$TPG" set auth 'password="with some spaces"' userid=me
is "is not shown" "$(target "$TPG" get auth password)" "password=(hidden)"
is "unless asked for" "$(target --show-secrets "$TPG" get auth password)" "password=with some spaces"
is "a path alone" "$(target "$TPG" 2>&1)" ""
try_fails "a path that there is not" target /nix
try_fails "too many values" target "$TPG" enable now
says "are refused with the syntax" 'Unexpected parameter now. The command is: enable'
try_fails "a quote without end" target "$TPG" set auth "password='x"
says "is refused" 'a quote has no end'
try_fails "set without name" target "$TPG" set attribute authentication
says "is refused with an example" 'is not NAME=VALUE'
try_fails "one of two values is wrong" target "$TPG" set attribute authentication=1 login_timeout=x
is "then none is set" "$(target "$TPG" get attribute authentication)" "authentication=0"
try "which values there are" target "$TPG" set attribute
says "is told with their ranges" 'authentication=VALUE: 0 or 1'
try "resize" target /backstores/fileio/vm1 resize 2G
try_fails "smaller" target /backstores/fileio/vm1 resize 1G
says "only when it is meant" 'force=true'
try "as programs say it" target /backstores/fileio/vm1 resize 1G --force
is "another transport" "$(target "$TPG/portals/0.0.0.0:3260" enable_iser true)" "$(printf '%s\n' \
	'iSER enable now: False' 'Warning: there is TCP and nothing else')"
try "an ACL" target "$TPG/acls" create "$IQN:init"
try "has one more name" target "$TPG/acls" tag "$IQN:init" friends
is "which is shown" "$(target "$TPG/acls/$IQN:init" info | grep tag)" "tag: friends"
try "and taken away" target "$TPG/acls" untag "$IQN:init"
is "again" "$(target "$TPG/acls/$IQN:init" info | grep -c tag)" 0
is "width of the tree" "$(target ls | awk '{print length}' | sort -u)" 132

# --- JSON

target --json ls >tree.json
is "the tree as JSON" "$(python3 -c 'import json; t = json.load(open("tree.json"))
print(t["kind"], [c["name"] for c in t["children"]])')" "root ['backstores', 'iscsi']"
target --json /nix ls >error.json
is "a refusal fails" $? 1
is "and is JSON" "$(python3 -c 'import json; print(json.load(open("error.json"))["error"]["message"])')" \
	"No such path /nix"

for words in "$TPG pwd" "saveconfig x.json" "set global tree_max_depth=0" "get global" "version" "sessions" "bookmarks show"; do
	# shellcheck disable=SC2086 # they are several
	target --json $words >some.json
	try "JSON of $words" python3 -m json.tool some.json
done

# --- scripts

script '# a comment' 'cd /backstores/ramdisk' 'create r0 1M' 'pwd' 'create r0 1M' 'set global auto_save_on_exit=false' \
	'exit' 'create r1 1M' | target >out 2>err
is "a script of which a command failed has failed" $? 1
is "says what its commands say" "$(cat out)" "$(script 'Created ramdisk r0 with size 1M.' /backstores/ramdisk \
	"Parameter auto_save_on_exit is now 'false'.")"
is "and what went wrong" "$(cat err)" "Storage object ramdisk/r0 exists"
script "/iscsi create $IQN:two" "/iscsi/$IQN:two/tpg1/luns create /backstores/ramdisk/r0" \
	"/iscsi/$IQN:two/tpg1 set attribute authentication=1" | target --atomic >out 2>err
is "a script as one transaction" "$? $(grep -c Created out)" "0 4"
script "/iscsi create $IQN:three" '' "/iscsi/$IQN:three/tpg1/luns create /backstores/ramdisk/none" \
	"/backstores/ramdisk create r2 1M" | target --atomic >out 2>err
is "one that fails" $? 1
says "names its line" '^line 3: storage object or path not valid' err
is "and has done nothing" "$(target ls | grep -c -e three -e r2)" 0
script 'nix' '/backstores/ramdisk create r2 1M' | target --atomic >out 2>&1
is "one that cannot be understood" $? 1
is "has done nothing either" "$(target ls | grep -c r2)" 0

# --- files

try "the configuration in a file" target saveconfig save.json
is "which is for its owner only" "$(stat -c %a save.json)" 600
is "and has the secrets" "$(grep -c 'with some spaces' save.json)" 1
target ls >before
try "all is cleared" target clearconfig confirm=True
try "and restored" target restoreconfig save.json
is "as it was" "$(target ls)" "$(cat before)"
try_fails "again it is there already" target restoreconfig save.json
try "but instead of what is there" target restoreconfig save.json clear_existing=True
is "as it was" "$(target ls)" "$(cat before)"
try "one backstore of it" target clearconfig confirm=True
try "by its name" target restoreconfig save.json storage_object=r0
is "and no other" "$(target ls | grep -c -e r0 -e vm1)" 1
try "one target of it" target restoreconfig save.json target="$IQN"
is "comes with its backstores" "$(target "$TPG/luns/lun0" status | grep -c fileio/vm1)" 1
try "one whose backstore is there" target restoreconfig save.json target="$IQN:two"
try_fails "it is there already" target restoreconfig save.json target="$IQN:two"
says "and that is said" "target with wwn $IQN:two exist, not restoring"
try "but instead of what is there" target restoreconfig save.json target="$IQN:two" clear_existing=True
is "and no other" "$(target ls /iscsi 1 | grep -c "$IQN")" 2
try_fails "a target that is not in it" target restoreconfig save.json target=iqn.nix
head -c 200 save.json >half.json
try_fails "half a file" target restoreconfig half.json
says "is refused with its place" 'line [0-9]+, column [0-9]+: '
is "and changes nothing" "$(target ls /iscsi 1 | grep -c "$IQN")" 2
try_fails "a directory that is not there" target saveconfig nix/save.json
try_fails "this daemon has no file" target saveconfig

# --- what a person prefers, and bookmarks

try "no portal by itself" target set global auto_add_default_portal=false
try "is preferred" target /iscsi create "$IQN:four"
is "and so it is" "$(target "/iscsi/$IQN:four/tpg1/portals" status)" \
	"Status for /iscsi/$IQN:four/tpg1/portals: Portals: 0"
try_fails "a preference that there is not" target set global nix=1
try "a bookmark" target "/iscsi/$IQN:four/tpg1" bookmarks add four
is "is a path" "$(target @four/ status 2>&1; target @four pwd)" "$(script \
	'There is no bookmark @four/; "bookmarks" shows those that there are' "/iscsi/$IQN:four/tpg1")"

# --- completion, in bash as well

cat >complete.sh <<'END'
PATH=$(dirname "$LUNAR"):$PATH
. "$1"
shift
for COMP_LINE; do
	COMP_POINT=${#COMP_LINE}
	_lunar 2>/dev/null
	echo "$COMP_LINE: ${COMPREPLY[*]}"
done
END
# completes LINE WORDS
completes() {
	is "\"$1\" is completed" \
		"$(LUNAR=$LUNAR bash complete.sh "$HERE/../../packaging/completion.bash" "$1")" "$1: $2"
}
completes "lunar ta" target
completes "lunar target /is" /iscsi/
completes "lunar target /iscsi cr" create
completes "targetcli /iscsi delete $IQN:f" four
completes "lunar target /iscsi/$IQN:four/tp" four/tpg1/
completes "lunar target /iscsi/$IQN:four/tpg1 set attribute authentic" authentication=
completes "lunar target /iscsi/$IQN:four/tpg1 set attribute authentication=" "0 1"
completes "lunar target /iscsi/$IQN:four/tpg1/luns create " \
	"/backstores/fileio/vm1 /backstores/ramdisk/r0 storage_object= lun= add_mapped_luns="
completes "lunar target sessions " "list detail action= sid="
completes "lunar target @f" @four
completes "lunar target /nix/" ""
completes "lunar target help saveco" saveconfig
completes "lunar target --js" --json
completes "lunar target --json /is" /iscsi/
completes "lunar target ap" apply
completes "lunar target apply o" "$(compgen -f -- o | paste -sd' ')"
completes "lunar status --w" --watch
completes "lunar serve --rea" "--readonly --reactors"
completes "lunar doc" doctor
completes "lunar doctor --ti" --timeout

# daemon_completes LINE WORDS: of a command that has no words but options.
cat >complete-daemon.sh <<'END'
PATH=$(dirname "$LUNAR"):$PATH
. "$1"
read -ra COMP_WORDS <<<"$2"
[[ $2 != *' ' ]] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_lunar_daemon "${COMP_WORDS[0]}" 2>/dev/null
echo "${COMPREPLY[*]}"
END
daemon_completes() {
	is "\"$1\" is completed" \
		"$(LUNAR=$LUNAR bash complete-daemon.sh "$HERE/../../packaging/completion.bash" "$1")" "$2"
}
daemon_completes "lunar-initiatord --re" --records
daemon_completes "lunar-initiatord --engine e" epoll
daemon_completes "lunar-targetd --log" --log-level

# --- and in zsh

# zsh_completes LINE WORD: typed into a zsh on a terminal, the line becomes that.
zsh_completes() {
	if ! command -v zsh >/dev/null; then
		skip "\"$1\" is completed in zsh" "zsh is not installed"
	else
		is "\"$1\" is completed in zsh" "$("$HERE/zsh.py" "$(dirname "$LUNAR")" "$HERE/../../packaging/completion.zsh" "$1")" "$2"
	fi
}
zsh_completes "lunar ta" "lunar target "
zsh_completes "lunar-initiatord --rec" "lunar-initiatord --records "
zsh_completes "lunar target /is" "lunar target /iscsi/"
zsh_completes "lunar target /iscsi cr" "lunar target /iscsi create "
zsh_completes "targetcli /iscsi delete $IQN:f" "targetcli /iscsi delete $IQN:four "
zsh_completes "lunar target /iscsi/$IQN:four/tp" "lunar target /iscsi/$IQN:four/tpg1/"
zsh_completes "lunar target /iscsi/$IQN:four/tpg1 set attribute authentic" \
	"lunar target /iscsi/$IQN:four/tpg1 set attribute authentication="
zsh_completes "lunar target --js" "lunar target --json "
zsh_completes "lunar target exp" "lunar target explain "
zsh_completes "lunar status --w" "lunar status --watch "
touch other.img
zsh_completes "lunar serve other.i" "lunar serve other.img "

# --- the daemon ends

{ echo 'ls /iscsi 0'; sleep 1; echo 'ls'; } | target >out 2>err &
client=$!
sleep 0.5
kill "$TREE"
wait "$client"
is "a daemon that ends meanwhile" $? 1
says "is told" 'the daemon did not answer|no daemon is running' err

# --- on a terminal

start_tree
target set global auto_add_default_portal=true auto_save_on_exit=true >out
"$HERE/shell.py" "$LUNAR" "$CASES" >pty.out
CASES=$((CASES + $(grep -c '^\(not \)\?ok' pty.out)))
cat pty.out
done_testing
