package configs

import (
	_ "embed"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

//go:embed reference.yaml
var reference string

// Reference is the annotated reference file, which describes every key.
func Reference() string { return reference }

// descriptions reads the reference file's comments: what it says above a key,
// by path, the entries of a list as name[].
func descriptions() (map[string]string, error) {
	var root yaml.Node
	if err := yaml.Load([]byte(reference), &root); err != nil {
		return nil, fmt.Errorf("reference file: %w", err)
	}
	texts := map[string]string{}
	describeKeys(root.Content[0], "", texts)
	return texts, nil
}

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

// prose takes the marks off a comment; indented lines stay lines.
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
