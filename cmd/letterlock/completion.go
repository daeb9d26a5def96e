package main

import (
	"flag"
	"fmt"
	"strings"
)

func completionCommand(ui *ui, args []string) error {
	var shell string
	flags := flag.NewFlagSet("letterlock completion", flag.ContinueOnError)
	if err := parse(ui, flags, args, &shell); err != nil {
		return err
	}
	write, ok := map[string]func([]described) string{"bash": bash, "zsh": zsh, "fish": fish}[shell]
	if !ok {
		return ui.wrongly("completion", "it takes the name of a shell: bash, zsh or fish")
	}
	ui.printf("%s", write(describe()))
	return nil
}

// bash returns the completion for bash: the commands, then the flags of each. Where
// it offers no word, as for the value of a flag, bash completes files.
func bash(commands []described) string {
	var b strings.Builder
	b.WriteString("# Completion of letterlock for bash, made by: letterlock completion bash\n_letterlock() {\n" +
		"\tlocal word=${COMP_WORDS[COMP_CWORD]} words\n\tcase \"${COMP_WORDS[*]:1:COMP_CWORD-1}\" in\n")
	fmt.Fprintf(&b, "\t'') words='%s' ;;\n", strings.Join(topWords(), " "))
	for _, c := range commands {
		if words := subwords(c.name); len(words) > 0 {
			fmt.Fprintf(&b, "\t%s) words='%s' ;;\n", c.name, strings.Join(words, " "))
		}
	}
	for _, c := range commands {
		if names := flagNames(c); names != "" {
			fmt.Fprintf(&b, "\t'%s'*) [[ $word != -* ]] || words='%s' ;;\n", c.name, names)
		}
	}
	return b.String() + "\tesac\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\ncomplete -o bashdefault -o default -F _letterlock letterlock\n"
}

func topWords() []string {
	var words []string
	for _, c := range subcommands() {
		words = append(words, c.name)
	}
	return append(words, "help")
}

func flagNames(c described) string {
	var names []string
	for _, f := range c.flags {
		names = append(names, "--"+f.name)
	}
	return strings.Join(names, " ")
}

// zsh returns the completion for zsh, with the texts about commands and flags.
func zsh(commands []described) string {
	var b strings.Builder
	b.WriteString("#compdef letterlock\n# Completion of letterlock for zsh, made by: letterlock completion zsh\n_letterlock() {\n\tlocal -a commands\n\tcommands=(\n")
	for _, c := range commands {
		if !strings.Contains(c.name, " ") {
			fmt.Fprintf(&b, "\t\t%s\n", quoted(c.name+":"+c.about))
		}
	}
	b.WriteString("\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tcase \"${words[2]} ${words[3]}\" in\n")
	for _, c := range longestFirst(commands) {
		pattern := c.name + "*"
		if words := subwords(c.name); len(words) > 0 {
			fmt.Fprintf(&b, "\t%s) compadd %s ;;\n", quoted(c.name+" ")+"*", strings.Join(words, " "))
			continue
		}
		fmt.Fprintf(&b, "\t%s) _arguments", strings.Replace(pattern, c.name, quoted(c.name), 1))
		for _, f := range c.flags {
			text := "--" + f.name + "[" + strings.NewReplacer("[", "(", "]", ")").Replace(f.usage) + "]"
			if f.value != "" {
				text += ":" + strings.ReplaceAll(f.value, ":", " ") + ":_files"
			}
			b.WriteString(" \\\n\t\t" + quoted(text))
		}
		b.WriteString(" '*:file:_files' ;;\n")
	}
	return b.String() + "\tesac\n}\n_letterlock \"$@\"\n"
}

// longestFirst sorts commands such as config check before config.
func longestFirst(commands []described) []described {
	var long, short []described
	for _, c := range commands {
		if strings.Contains(c.name, " ") {
			long = append(long, c)
		} else {
			short = append(short, c)
		}
	}
	return append(long, short...)
}

// fish returns the completion for fish, which has one line for each word.
func fish(commands []described) string {
	var b strings.Builder
	b.WriteString("# Completion of letterlock for fish, made by: letterlock completion fish\n")
	for _, c := range commands {
		first, second, deep := strings.Cut(c.name, " ")
		condition := "__fish_seen_subcommand_from " + first
		if deep {
			fmt.Fprintf(&b, "complete -c letterlock -n %s -f -a %s -d %s\n", quoted(condition+"; and not __fish_seen_subcommand_from "+strings.Join(subwords(first), " ")), second, quoted(c.about))
			condition += "; and __fish_seen_subcommand_from " + second
		} else {
			fmt.Fprintf(&b, "complete -c letterlock -n __fish_use_subcommand -f -a %s -d %s\n", first, quoted(c.about))
		}
		for _, f := range c.flags {
			value := ""
			if f.value != "" {
				value = " -r -F"
			}
			fmt.Fprintf(&b, "complete -c letterlock -n %s -l %s%s -d %s\n", quoted(condition), f.name, value, quoted(f.usage))
		}
	}
	return b.String()
}

// quoted quotes a text for the three shells.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "'\"'\"'") + "'" }
