package configs

import (
	_ "embed"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

//go:embed reference.yaml
var reference string

// Reference returns the reference file, which describes every key. It is
// generated from the fields of Config and the types below it; to generate it
// again: go test ./configs -run TestReference -update.
func Reference() string { return reference }

// descriptions reads the descriptions of the keys, by path, from the comments
// of the reference file. The file is embedded in the program, and the tests
// check it. They are read once: the manual and the completion ask for each flag.
var descriptions = sync.OnceValue(func() map[string]string {
	var root yaml.Node
	texts := map[string]string{}
	if err := yaml.Load([]byte(reference), &root); err == nil {
		describeKeys(root.Content[0], "", texts)
	}
	return texts
})

func describeKeys(n *yaml.Node, path string, texts map[string]string) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			at := join(path, n.Content[i].Value)
			if text := prose(n.Content[i].HeadComment); text != "" {
				texts[at] = text
			}
			describeKeys(n.Content[i+1], at, texts)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			describeKeys(item, path+"[]", texts)
		}
	}
}

// prose removes the comment marks; indented lines stay separate lines.
func prose(comment string) string {
	var b strings.Builder
	for line := range strings.Lines(comment) {
		line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimRight(line, "\n"), "#"), " ")
		switch {
		case b.Len() == 0:
		case strings.HasPrefix(line, " "):
			b.WriteByte('\n')
		default:
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	return b.String()
}
