#compdef lunar targetcli lunar-initiatord lunar-targetd
# SPDX-License-Identifier: BSD-2-Clause
# zsh: the commands of lunar, and their options; of `lunar target`, what its own shell would complete;
# and the options of the daemons.

_lunar_help() { # SED COMMAND...: words of what it says of itself
	local sed=$1
	shift
	lunar "$@" --help 2>/dev/null | sed -n "$sed"
}

_lunar_target() { # WORD...: those before the cursor, the last of which is being typed
	local -a all open
	all=("${(@f)$(lunar target --complete "${(j: :)@}" 2>/dev/null)}")
	all=(${all:#})
	# What may go on gets no space.
	open=(${(M)all:#*[/=]})
	all=(${all:#*[/=]})
	# Of name=value the value is offered, and the name is there already.
	[[ ${@[-1]} == *=* ]] && compset -P '*='
	(( $#open )) && compadd -Q -S '' -a open
	(( $#all )) && compadd -Q -a all
	(( $#open + $#all )) || _files
}

_lunar() {
	local -a list typed
	typed=("${(@)words[1,CURRENT-1]}" "$PREFIX")
	if [[ ${typed[1]:t} == targetcli ]]; then
		_lunar_target "${(@)typed[2,-1]}"
	elif [[ ${typed[1]:t} == lunar-* ]]; then
		if [[ $PREFIX == -* ]]; then
			list=(${(f)"$(${typed[1]} --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\).*/\1/p')"})
			compadd -a list
		elif [[ ${words[CURRENT-1]} == --engine ]]; then
			compadd uring epoll
		else
			_files
		fi
	elif (( CURRENT == 2 )); then
		list=(${(f)"$(_lunar_help 's/^  \([a-z]\+\)  .*/\1/p')"} --help --version)
		compadd -a list
	elif [[ ${typed[2]} == target ]]; then
		_lunar_target "${(@)typed[3,-1]}"
	elif [[ $PREFIX == -* ]]; then
		list=(${(f)"$(_lunar_help 's/^  \(--[a-z-]*\).*/\1/p' ${typed[2]})"})
		compadd -a list
	else
		_files
	fi
}

# Loaded by compinit, this file is the function's body; sourced, it registers it.
if [[ ${funcstack[1]} == _lunar ]]; then
	_lunar "$@"
else
	compdef _lunar lunar targetcli lunar-initiatord lunar-targetd
fi
