package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCompletionOfBash(t *testing.T) {
	t.Parallel()
	_, script, _ := words("completion", "bash")
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("not tried: bash is not installed")
	}
	for line, want := range map[string]string{
		"letterlock ve": "version", "letterlock config ": "check reference schema", "letterlock serve --acme-em": "--acme-email",
		"letterlock config check --pro": "--probe", "letterlock check --js": "--json", "letterlock serve --config ": "", "letterlock serve --config x --backe": "--backend",
	} {
		typed := strings.Split(line, " ")
		program := script + "\nCOMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1))\n_letterlock\necho -n \"${COMPREPLY[*]}\""
		out, err := exec.Command("bash", append([]string{"-c", program, "bash"}, typed...)...).CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%s: %q, %v", line, out, err)
		}
	}
}

// completions are lines, and the word that the tab key completes. Nothing completes
// the flag of another command.
var completions = map[string]string{
	"letterlock upg": "upgrade", "letterlock config ch": "check", "letterlock backends dr": "drain", "letterlock config check --pro": "--probe",
	"letterlock serve --acme-em": "--acme-email", "letterlock version --pro": "",
}

// zsh finds the completion by the name of its file, as the packages install it.
func TestCompletionOfZsh(t *testing.T) {
	t.Parallel()
	// The program types each line into a terminal, and prints what the line is after
	// the tab key. The terminal echoes the commands, so that their words have quotes
	// which their output does not have.
	const program = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "fpath=($1 \$fpath); autoload -Uz compinit; compinit -D -u; bindkey -e; print re''ady"
zpty -r shell out '*ready*'
shift
for line; do
	zpty -w -n shell "$line"$'\t'
	zpty -w shell $'\x01print -r -- re\'\'sult="\x05"'
	zpty -r shell out $'*result=*\n*'
	print -r -- "${${out##*result=}%%[[:cntrl:]]*}"
done
zpty -d shell
`
	for line, got := range complete(t, "zsh", "_letterlock", "-f", "-c", program, "zsh") {
		begin := line[:strings.LastIndexByte(line, ' ')+1]
		want := begin + completions[line]
		if completions[line] == "" {
			want = line
		}
		if got != want {
			t.Errorf("%s: %q", line, got)
		}
	}
}

// fish finds it in the same way, for commands that exist.
func TestCompletionOfFish(t *testing.T) {
	t.Parallel()
	const program = `
function letterlock; end
set -p fish_complete_path $argv[1]
for line in $argv[2..]
	echo (complete --do-complete $line)
end
`
	for line, got := range complete(t, "fish", "letterlock.fish", "--no-config", "--command", program) {
		if word, _, _ := strings.Cut(got, "\t"); word != completions[line] {
			t.Errorf("%s: %q", line, got)
		}
	}
}

// complete runs a shell's program with the folder of the completion and the lines of
// completions as its last arguments. It returns what the program prints about each.
func complete(t *testing.T, shell, file string, args ...string) map[string]string {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skipf("not tried: %s is not installed", shell)
	}
	_, script, _ := words("completion", shell)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, file), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := slices.Sorted(maps.Keys(completions))
	run := exec.CommandContext(t.Context(), shell, slices.Concat(args, []string{folder}, lines)...)
	run.Env = append(os.Environ(), "HOME="+folder, "TERM=dumb")
	out, err := run.CombinedOutput()
	printed := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || len(printed) != len(lines) {
		t.Fatalf("%v, %q", err, out)
	}
	found := make(map[string]string)
	for i, line := range lines {
		found[line] = printed[i]
	}
	return found
}

// The shells accept the completion scripts.
func TestCompletionsAreUnderstood(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		status, script, said := words("completion", shell)
		if status != exitOK || !strings.Contains(script, "config") || strings.Contains(script, "%!") {
			t.Errorf("%s: %d, %s", shell, status, said)
		}
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not installed: its script is not checked", shell)
			continue
		}
		check := exec.Command(shell, "-n")
		check.Stdin = strings.NewReader(script)
		if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
	for _, call := range [][]string{{"completion"}, {"completion", "csh"}, {"man", "ls"}} {
		if status, _, _ := words(call...); status != exitUsage {
			t.Errorf("%s: %d", call, status)
		}
	}
}
