package alpine

import (
	"archive/tar"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chainguard-dev/go-apk/pkg/apk"
	"github.com/chainguard-dev/go-apk/pkg/expandapk"
	apkfs "github.com/chainguard-dev/go-apk/pkg/fs"
)

// TestInstall installs the package from a repository with an index, into a root with
// the database of apk. The library checks the sum of each file, and runs no scripts.
func TestInstall(t *testing.T) {
	name := built(t)
	p := read(t, name)
	root := t.TempDir()
	a := install(t, root, repository(t, name, p), p.Arch)

	installed, err := a.GetInstalled()
	if err != nil || len(installed) != 1 || installed[0].Version != p.Version {
		t.Fatalf("%v, %v", installed, err)
	}
	var files []string
	for _, f := range installed[0].Files {
		files = append(files, f.Name)
	}
	for _, want := range []string{"usr/bin/letterlock", "etc/letterlock/letterlock.yaml", "etc/init.d/letterlock", "usr/share/man/man1/letterlock-upgrade.1.gz"} {
		if !slices.Contains(files, want) {
			t.Errorf("the database has no %s", want)
		}
	}
	if err := exec.Command(filepath.Join(root, "etc/init.d/letterlock")).Run(); errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
	out, err := exec.Command(filepath.Join(root, "usr/bin/letterlock"), "config", "check", filepath.Join(root, "etc/letterlock/letterlock.yaml")).CombinedOutput()
	if err != nil {
		t.Errorf("the configuration is refused: %v\n%s", err, out)
	}
	wantScripts(t, filepath.Join(root, "lib/apk/db/scripts.tar"))
}

// install does what apk add --initdb does.
func install(t *testing.T, root, repository, arch string) *apk.APK {
	t.Helper()
	a, err := apk.New(apk.WithFS(apkfs.DirFS(root)), apk.WithArch(arch), apk.WithIgnoreMknodErrors(true), apk.WithNoSignatureIndexes(repository))
	if err == nil {
		err = a.InitDB(t.Context())
	}
	if err == nil {
		err = a.SetRepositories(t.Context(), []string{repository})
	}
	if err == nil {
		err = a.SetWorld(t.Context(), []string{"letterlock"})
	}
	if err == nil {
		err = a.FixateWorld(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// repository makes a repository with the package.
func repository(t *testing.T, name string, p *apk.Package) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	index, err := apk.ArchiveFromIndex(&apk.APKIndex{Packages: []*apk.Package{p}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := io.ReadAll(index)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, p.Arch), 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string][]byte{p.Filename(): raw, "APKINDEX.tar.gz": list} {
		if err := os.WriteFile(filepath.Join(folder, p.Arch, file), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// built names the package that packaging/test has built.
func built(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("LETTERLOCK_PACKAGES")
	if folder == "" {
		t.Skip("not tried: make test-packages builds the packages")
	}
	found, err := filepath.Glob(filepath.Join(folder, "*.apk"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s, %v", found, err)
	}
	return found[0]
}

// read checks what apk verifies before it unpacks a package: the form of the version,
// the hash of the data, and that each file has a checksum.
func read(t *testing.T, name string) *apk.Package {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := apk.ParsePackage(t.Context(), bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[0-9]+(\.[0-9]+)*(_(alpha|beta|pre|rc|git|p)[0-9]*)*(-r[0-9]+)?$`).MatchString(p.Version) || p.License != "MIT" {
		t.Errorf("version %s, license %s", p.Version, p.License)
	}
	expanded, err := expandapk.ExpandApk(t.Context(), bytes.NewReader(raw), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if sum := hex.EncodeToString(expanded.PackageHash); sum != p.DataHash {
		t.Errorf("the data has the hash %s, not %s", sum, p.DataHash)
	}
	for _, e := range expanded.TarFS.Entries() {
		if e.Header.Typeflag != tar.TypeDir && (e.Header.Typeflag != tar.TypeReg || e.Header.PAXRecords["APK-TOOLS.checksum.SHA1"] == "") {
			t.Errorf("%s: type %c, checksum %q", e.Header.Name, e.Header.Typeflag, e.Header.PAXRecords["APK-TOOLS.checksum.SHA1"])
		}
	}
	if err := expanded.Close(); err != nil {
		t.Error(err)
	}
	return p
}

// wantScripts checks that apk's database has the scripts of the package.
func wantScripts(t *testing.T, name string) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for archive := tar.NewReader(bytes.NewReader(raw)); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil || !strings.HasPrefix(string(text), "#!/bin/sh\n") {
			t.Errorf("%s is no script: %v", header.Name, err)
		}
		names = append(names, header.Name[strings.LastIndexByte(header.Name, '.'):])
	}
	slices.Sort(names)
	if want := []string{".post-deinstall", ".post-install", ".post-upgrade", ".pre-deinstall"}; !slices.Equal(names, want) {
		t.Errorf("the scripts are %s", names)
	}
}
