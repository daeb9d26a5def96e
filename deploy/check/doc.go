// Package check tests the manifests for Kubernetes and the Helm chart: every object
// has only fields that its type in k8s.io/api has, names lead to objects that exist,
// and each configuration in them passes `letterlock config check`.
//
// It is a module of its own, so that the modules of Kubernetes and Helm do not
// become dependencies of the program.
package check
