package check

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// TestManifests checks deploy/kubernetes: what the kustomization applies, the same
// with the other Service, and the sidecar.
func TestManifests(t *testing.T) {
	text, err := os.ReadFile("../kubernetes/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kustomization struct {
		APIVersion string   `json:"apiVersion"`
		Kind       string   `json:"kind"`
		Namespace  string   `json:"namespace"`
		Resources  []string `json:"resources"`
	}
	if err := yaml.UnmarshalStrict(text, &kustomization); err != nil {
		t.Fatal(err)
	}
	other := slices.Clone(kustomization.Resources)
	other[slices.Index(other, "service.yaml")] = "service-proxy.yaml"
	used := append([]string{"kustomization.yaml", "service-proxy.yaml", "sidecar.yaml"}, kustomization.Resources...)
	for name, files := range map[string][]string{"kustomization": kustomization.Resources, "load balancer with PROXY": other, "sidecar": {"sidecar.yaml"}} {
		t.Run(name, func(t *testing.T) { manifests(t, files...).check(t) })
	}
	files, err := filepath.Glob("../kubernetes/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !slices.Contains(used, filepath.Base(file)) {
			t.Errorf("%s is not checked", file)
		}
	}
}

// TestChart renders the chart with its own values, and with those in ci.
func TestChart(t *testing.T) {
	const chart = "../helm/letterlock"
	values, err := filepath.Glob(chart + "/ci/*.yaml")
	if err != nil || len(values) == 0 {
		t.Fatal(values, err)
	}
	for _, file := range append([]string{chart + "/values.yaml"}, values...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			helm(t, "lint", "--strict", "--values", file, chart)
			rendered := helm(t, "template", "mail", chart, "--namespace", "post", "--kube-version", "1.34.0", "--values", file)
			o := &objects{}
			o.add(t, file, rendered)
			if len(o.workloads) != 1 || len(o.services) != 1 || len(o.configMaps) != 1 {
				t.Errorf("%d workloads, %d services, %d ConfigMaps", len(o.workloads), len(o.services), len(o.configMaps))
			}
			o.check(t)
		})
	}
}

// helm runs Helm, in the version of go.mod.
func helm(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"tool", "helm"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("helm %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// check checks that the objects fit each other.
func (o *objects) check(t *testing.T) {
	for _, w := range o.workloads {
		if !within(w.selector, w.pod.Labels) {
			t.Errorf("%s does not select its own pods", w.name)
		}
		o.checkVolumes(t, w)
		checkLetterlock(t, w)
	}
	for _, s := range o.services {
		pods := o.pods(s.Spec.Selector)
		if len(pods) == 0 {
			t.Errorf("the Service %s selects no pods", s.Name)
		}
		for _, p := range s.Spec.Ports {
			for _, w := range pods {
				o.wantPort(t, "the Service "+s.Name, w, p.TargetPort)
			}
		}
	}
	for _, p := range o.policies {
		for _, rule := range p.Spec.Ingress {
			for _, port := range rule.Ports {
				for _, w := range o.pods(p.Spec.PodSelector.MatchLabels) {
					o.wantPort(t, "the NetworkPolicy "+p.Name, w, *port.Port)
				}
			}
		}
	}
	for _, b := range o.budgets {
		if len(o.pods(b.Spec.Selector.MatchLabels)) == 0 {
			t.Errorf("the PodDisruptionBudget %s selects no pods", b.Name)
		}
	}
	for _, c := range o.configMaps {
		checkConfiguration(t, c.Data["letterlock.yaml"])
	}
}

func (o *objects) wantPort(t *testing.T, what string, w workload, port intstr.IntOrString) {
	t.Helper()
	if port.Type == intstr.String && !w.hasPort(port.StrVal) {
		t.Errorf("%s uses the port %s, which %s does not have", what, port.StrVal, w.name)
	}
}

// checkVolumes checks that each mount has a volume, and each ConfigMap exists.
func (o *objects) checkVolumes(t *testing.T, w workload) {
	t.Helper()
	volumes := map[string]bool{"mail": true} // of volumeClaimTemplates
	for _, v := range w.pod.Spec.Volumes {
		volumes[v.Name] = true
		if v.ConfigMap != nil && !slices.ContainsFunc(o.configMaps, func(c corev1.ConfigMap) bool { return c.Name == v.ConfigMap.Name }) {
			t.Errorf("%s mounts the ConfigMap %s, which does not exist", w.name, v.ConfigMap.Name)
		}
	}
	for _, c := range w.containers() {
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				t.Errorf("%s mounts the volume %s, which does not exist", w.name, m.Name)
			}
		}
	}
}

// checkLetterlock checks that the container of Letterlock has no rights that it does
// not need, and its probes.
func checkLetterlock(t *testing.T, w workload) {
	t.Helper()
	all := w.containers()
	i := slices.IndexFunc(all, func(c corev1.Container) bool { return c.Name == "letterlock" })
	if i < 0 {
		t.Errorf("%s has no container letterlock", w.name)
		return
	}
	c := all[i]
	nonRoot := w.pod.Spec.SecurityContext != nil && w.pod.Spec.SecurityContext.RunAsNonRoot != nil
	s := c.SecurityContext
	switch {
	case s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem, s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation,
		s.Capabilities == nil || len(s.Capabilities.Drop) != 1 || len(s.Capabilities.Add) > 0, !nonRoot && s.RunAsNonRoot == nil:
		t.Errorf("%s: the security context is %+v", w.name, s)
	case c.LivenessProbe == nil || c.LivenessProbe.HTTPGet.Path != "/healthz", c.ReadinessProbe == nil || c.ReadinessProbe.HTTPGet.Path != "/readyz":
		t.Errorf("%s: the probes are %+v and %+v", w.name, c.LivenessProbe, c.ReadinessProbe)
	case !w.hasPort(c.LivenessProbe.HTTPGet.Port.StrVal), !w.hasPort(c.ReadinessProbe.HTTPGet.Port.StrVal):
		t.Errorf("%s: a probe asks at a port that does not exist", w.name)
	}
	if *w.pod.Spec.TerminationGracePeriodSeconds <= 30 {
		t.Errorf("%s: sessions are cut off after %d seconds", w.name, *w.pod.Spec.TerminationGracePeriodSeconds)
	}
}

// checkConfiguration runs `letterlock config check` with the files that the
// configuration names.
func checkConfiguration(t *testing.T, text string) {
	t.Helper()
	folder := t.TempDir()
	certificate(t, folder)
	text = strings.NewReplacer("/tls/", folder+"/", "/secrets/ticket-secret/secret", folder+"/secret", "/secrets/ticket-secret", folder+"/secret").Replace(text)
	file := filepath.Join(folder, "letterlock.yaml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf("state_dir: %s/state\n%s", folder, text)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program(t), "config", "check", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, text)
	}
}
