package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// objects are the objects of one installation.
type objects struct {
	configMaps []corev1.ConfigMap
	services   []corev1.Service
	workloads  []workload
	policies   []networkingv1.NetworkPolicy
	budgets    []policyv1.PodDisruptionBudget
}

// workload is a Deployment or a StatefulSet.
type workload struct {
	name     string
	selector map[string]string
	pod      corev1.PodTemplateSpec
}

// add decodes the documents of a YAML text.
func (o *objects) add(t *testing.T, source, text string) {
	t.Helper()
	for document := range strings.SplitSeq("\n"+text, "\n---\n") {
		if strings.TrimSpace(stripComments(document)) != "" {
			o.addObject(t, source, []byte(document))
		}
	}
}

func stripComments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") && strings.TrimSpace(line) != "---" {
			b.WriteString(line)
		}
	}
	return b.String()
}

func (o *objects) addObject(t *testing.T, source string, text []byte) {
	t.Helper()
	var kind struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(text, &kind); err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	strict := func(into any) {
		t.Helper()
		if err := yaml.UnmarshalStrict(text, into); err != nil {
			t.Errorf("%s: %s: %v", source, kind.Kind, err)
		}
	}
	switch kind.APIVersion + " " + kind.Kind {
	case "v1 ConfigMap":
		o.configMaps = append(o.configMaps, corev1.ConfigMap{})
		strict(&o.configMaps[len(o.configMaps)-1])
	case "v1 Service":
		o.services = append(o.services, corev1.Service{})
		strict(&o.services[len(o.services)-1])
	case "apps/v1 Deployment":
		var d appsv1.Deployment
		strict(&d)
		o.workloads = append(o.workloads, workload{d.Name, d.Spec.Selector.MatchLabels, d.Spec.Template})
	case "apps/v1 StatefulSet":
		var s appsv1.StatefulSet
		strict(&s)
		o.workloads = append(o.workloads, workload{s.Name, s.Spec.Selector.MatchLabels, s.Spec.Template})
	case "networking.k8s.io/v1 NetworkPolicy":
		o.policies = append(o.policies, networkingv1.NetworkPolicy{})
		strict(&o.policies[len(o.policies)-1])
	case "policy/v1 PodDisruptionBudget":
		o.budgets = append(o.budgets, policyv1.PodDisruptionBudget{})
		strict(&o.budgets[len(o.budgets)-1])
	default:
		t.Errorf("%s: %s %s is not known to this test", source, kind.APIVersion, kind.Kind)
	}
}

// manifests reads the files of deploy/kubernetes that are applied together.
func manifests(t *testing.T, names ...string) *objects {
	t.Helper()
	o := &objects{}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("../kubernetes", name))
		if err != nil {
			t.Fatal(err)
		}
		o.add(t, name, string(text))
	}
	return o
}

// pods returns the workloads whose pods have all labels.
func (o *objects) pods(labels map[string]string) (all []workload) {
	for _, w := range o.workloads {
		if within(labels, w.pod.Labels) {
			all = append(all, w)
		}
	}
	return all
}

// within reports whether labels has each of wanted.
func within(wanted, labels map[string]string) bool {
	for key, value := range wanted {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// containers lists all containers of the pod.
func (w workload) containers() []corev1.Container {
	return append(append([]corev1.Container{}, w.pod.Spec.InitContainers...), w.pod.Spec.Containers...)
}

// hasPort reports whether a container of the pod has a port of a name.
func (w workload) hasPort(name string) bool {
	for _, c := range w.containers() {
		for _, p := range c.Ports {
			if p.Name == name {
				return true
			}
		}
	}
	return false
}
