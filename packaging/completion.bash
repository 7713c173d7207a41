# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# bash: the commands of lunar, and their options; of `lunar target`, what its own shell would complete;
# and the options of the daemons.

_lunar_target() { # WORD...: those before the cursor, the last of which is being typed
	local line word
	COMPREPLY=()
	line="$*"
	[ -n "${*: -1}" ] || line="${line% } "
	# "=" and ":" end words for readline, not for us.
	while IFS= read -r word; do
		COMPREPLY+=("${word#"$_lunar_before"}")
	done < <(lunar target --complete "$line" 2>/dev/null)
	if [ ${#COMPREPLY[@]} -eq 1 ] && [[ ${COMPREPLY[0]} == *[/=] ]]; then
		compopt -o nospace
	fi
}

_lunar_help() { # SED COMMAND...: words of what it says of itself
	local sed=$1
	shift
	lunar "$@" --help 2>/dev/null | sed -n "$sed"
}

_lunar() {
	local whole words cursor _lunar_before=
	whole=${COMP_LINE:0:COMP_POINT}
	read -ra words <<<"$whole"
	[[ $whole != *' ' ]] || words+=("")
	cursor=${words[-1]}
	# What of the word readline holds to be before the one that it asks for.
	case $cursor in
	*=*) ;;
	*:*) _lunar_before=${cursor%"${cursor##*:}"} ;;
	esac
	if [ "${words[0]##*/}" = targetcli ]; then
		_lunar_target "${words[@]:1}"
	elif [ ${#words[@]} -le 2 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_lunar_help 's/^  \([a-z]\+\)  .*/\1/p') --help --version" -- "$cursor")
	elif [ "${words[1]}" = target ]; then
		_lunar_target "${words[@]:2}"
	elif [[ $cursor == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_lunar_help 's/^  \(--[a-z-]*\).*/\1/p' "${words[1]}")" -- "$cursor")
	fi
	if [ ${#COMPREPLY[@]} -eq 0 ] && [[ $cursor != -* ]] && [ ${#words[@]} -gt 2 ]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cursor")
	fi
}

# The daemons have options only; what most of them take is a file.
_lunar_daemon() {
	local cursor=${COMP_WORDS[COMP_CWORD]}
	COMPREPLY=()
	if [[ $cursor == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$("$1" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\).*/\1/p')" -- "$cursor")
	elif [ "${COMP_WORDS[COMP_CWORD - 1]}" = --engine ]; then
		mapfile -t COMPREPLY < <(compgen -W "uring epoll" -- "$cursor")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$cursor")
	fi
}

complete -F _lunar lunar targetcli
complete -o filenames -F _lunar_daemon lunar-initiatord lunar-targetd
