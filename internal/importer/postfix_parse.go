package importer

import (
	"regexp"
	"strings"
)

// postfixService is a line of master.cf.
type postfixService struct {
	at      *setting
	host    string
	port    int
	command string
	options *setting // its -o
}

// masterLine matches the columns of master.cf in front of the command.
var masterLine = regexp.MustCompile(`^\S+\s+(?:inet|unix|unix-dgram|fifo|pass)\s+[-yn]\s+[-yn]\s+[-yn]\s+\S+\s+\S+\s+\S`)

// parsePostfix reads main.cf or master.cf: each logical line goes on in lines
// that begin with white space.
func (r *reader) parsePostfix(f File) (*setting, error) {
	root := r.root(f)
	var s *setting
	for number, line := range lines(f.Text) {
		trimmed := strings.TrimSpace(line)
		at := &setting{file: f.Name, line: number}
		switch {
		case trimmed == "" || trimmed[0] == '#':
			continue
		case line[0] == ' ' || line[0] == '\t':
			if s == nil {
				return nil, at.wrong("the line continues none")
			}
			s.args = append(s.args, strings.Fields(trimmed)...)
			continue
		case masterLine.MatchString(line):
			s = at
			words := strings.Fields(line)
			s.name, s.args = words[0], words[1:]
		default:
			name, text, ok := strings.Cut(line, "=")
			if !ok {
				return nil, at.wrong("this is neither a parameter with = nor a service of master.cf: %.60q", line)
			}
			s = at
			s.name, s.args = strings.TrimSpace(name), strings.Fields(text)
		}
		if err := r.add(root, s, 1); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// isMaster reports whether a setting is a service of master.cf.
func isMaster(s *setting) bool {
	return len(s.args) >= 7 && masterLine.MatchString(s.name+" "+s.value())
}

// master reads a service of master.cf. It is nil if that takes no mail from the
// network.
func master(s *setting) *postfixService {
	command := s.arg(6)
	if s.arg(0) != "inet" || command != "smtpd" && command != "postscreen" {
		return nil
	}
	p := &postfixService{at: s, command: command, options: &setting{file: s.file, line: s.line}}
	p.host, p.port = hostPort(s.name)
	rest := s.args[7:]
	for i := 0; i < len(rest); i++ {
		if rest[i] != "-o" || i+1 == len(rest) {
			continue
		}
		i++
		text := rest[i]
		if text == "{" { // -o { name = value }
			end := i + 1
			for end < len(rest) && rest[end] != "}" {
				end++
			}
			text = strings.Join(rest[min(i+1, end):end], " ")
			i = end
		}
		name, v, _ := strings.Cut(text, "=")
		name = strings.TrimSpace(name)
		o := &setting{file: s.file, line: s.line, name: name, key: strings.ToLower(name), args: strings.Fields(v)}
		p.options.body = append(p.options.body, o)
	}
	return p
}

// maxExpansions bounds the parameters that are replaced in one value: parameters
// may name each other.
const maxExpansions = 200

// expand replaces the parameters in a value: $name, ${name} and $(name).
func (sc scope) expand(text string) string {
	left := maxExpansions
	return sc.expandSome(text, &left)
}

func (sc scope) expandSome(text string, left *int) string {
	return parameter.ReplaceAllStringFunc(text, func(found string) string {
		if *left--; *left < 0 {
			return ""
		}
		name := strings.Trim(found, "${()}")
		if s := sc.get(name); s != nil {
			return sc.expandSome(s.value(), left)
		}
		if name == "mydomain" {
			_, domain, _ := strings.Cut(sc.get("myhostname").value(), ".")
			return domain
		}
		return ""
	})
}

var parameter = regexp.MustCompile(`\$(?:\w+|\{\w+\}|\(\w+\))`)
