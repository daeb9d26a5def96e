package filemode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree creates folders, files and links with their modes. A name that ends in /
// is a folder; a name with an arrow is a link.
func tree(t *testing.T, entries ...string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]os.FileMode{"0600": 0o600, "0640": 0o640, "0644": 0o644, "0662": 0o662, "0666": 0o666, "0700": 0o700, "0755": 0o755, "0777": 0o777, "1777": 0o777 | os.ModeSticky}
	for _, entry := range entries {
		name, mode, _ := strings.Cut(entry, " ")
		path := filepath.Join(root, name)
		link, target, isLink := strings.Cut(name, "->")
		switch {
		case isLink:
			err = os.Symlink(target, filepath.Join(root, link))
		case strings.HasSuffix(name, "/"):
			err = os.Mkdir(path, 0o700)
		default:
			err = os.WriteFile(path, []byte("x"), 0o600)
		}
		if err == nil && !isLink {
			err = os.Chmod(path, modes[mode])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// said returns the findings as text, without the root of the tree.
func said(root string, all []Finding) string {
	var lines []string
	for _, f := range all {
		lines = append(lines, f.Text+": "+f.Remedy)
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), root+"/", "")
}

func TestH12_Files(t *testing.T) {
	for _, tt := range []struct {
		name   string
		tree   []string
		secret string
		public string
	}{
		{"the owner's", []string{"f 0600"}, "", ""},
		{"shared with a group", []string{"f 0640"}, "", ""},
		{"readable", []string{"f 0644"}, "every user of this machine may read f (mode 0644): chmod o-r f", ""},
		{
			"writable", []string{"f 0662"},
			"every user of this machine may change f (mode 0662): chmod o-w f", "every user of this machine may change f (mode 0662): chmod o-w f",
		},
		{
			"both", []string{"f 0666"},
			"every user of this machine may read and change f (mode 0666): chmod o-rw f", "every user of this machine may change f (mode 0666): chmod o-w f",
		},
		{"no file", nil, "", ""},
		{"a folder", []string{"f/ 0777"}, "", ""},
		{"a link to a good file", []string{"real 0600", "f->real"}, "", ""},
		{
			"a link to a readable file", []string{"there/ 0755", "there/real 0644", "f->there/real"},
			"every user of this machine may read there/real (mode 0644): chmod o-r there/real", "",
		},
		{"a link in a circle", []string{"f->g", "g->f"}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := tree(t, tt.tree...)
			if got := said(root, Secret(filepath.Join(root, "f"))); got != tt.secret {
				t.Errorf("a secret: %q", got)
			}
			if got := said(root, Trusted(filepath.Join(root, "f"))); got != tt.public {
				t.Errorf("a file that others may read: %q", got)
			}
		})
	}
}

// A folder on the way that others may write gives them a way to the file; this
// includes the folders to a link's target.
func TestH12_Folders(t *testing.T) {
	const open = "every user of this machine may replace what is in the folder open (mode 0777): chmod o-w open"
	for _, tt := range []struct {
		name, path, want string
		tree             []string
	}{
		{"above the file", "open/own/f", open, []string{"open/ 0777", "open/own/ 0700", "open/own/f 0600"}},
		{"above a link", "open/f", open, []string{"open/ 0777", "real 0600", "open/f->../real"}},
		{"above where a link leads", "f", open, []string{"open/ 0777", "open/real 0600", "f->open/real"}},
		{"through a link and back", "open/up/real", open, []string{"open/ 0777", "open/up->..", "real 0600"}},
		{"with the sticky bit", "tmp/f", "", []string{"tmp/ 1777", "tmp/f 0600"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := tree(t, tt.tree...)
			if got := said(root, Trusted(filepath.Join(root, tt.path))); got != tt.want {
				t.Errorf("%q", got)
			}
		})
	}
}

// No other user may create a socket in the place of the program's.
func TestH12_Sockets(t *testing.T) {
	for mode, want := range map[string]string{
		"0755": "", "0777": "every user of this machine may make files in run (mode 0777): chmod o-w run",
		"1777": "every user of this machine may make files in run (mode 1777): chmod o-w run",
	} {
		root := tree(t, "run/ "+mode)
		if got := said(root, Socket(filepath.Join(root, "run/lmtp"))); got != want {
			t.Errorf("mode %s: %q", mode, got)
		}
	}
}

func TestH12_PrivateFolder(t *testing.T) {
	root := tree(t, "state/ 1777", "state/sub/ 0755", "state/sub/key 0644", "state/sub/more 0666", "state/good 0600", "state/sub/there->/etc/passwd")
	want := "every user of this machine may make files in state (mode 1777): chmod o-w state\n" +
		"every user of this machine may read state/sub/key (mode 0644), and there are 1 more such files in " + root + "/state: chmod -R o-rwx " + root + "/state"
	if got := said(root, Private(filepath.Join(root, "state"))); got != strings.ReplaceAll(want, root+"/", "") {
		t.Errorf("%q", got)
	}
	root = tree(t, "state/ 0700", "state/sub/ 0777", "state/sub/key 0600")
	if got := said(root, Private(filepath.Join(root, "state"))); got != "every user of this machine may change state/sub (mode 0777): chmod o-w state/sub" {
		t.Errorf("%q", got)
	}
}

func TestRemediesCanBePasted(t *testing.T) {
	for path, want := range map[string]string{"/a/b-c.pem": "/a/b-c.pem", "/a b": "'/a b'", "/it's": `'/it'\''s'`, "/$x": "'/$x'"} {
		if got := quote(path); got != want {
			t.Errorf("%s is %s", path, got)
		}
	}
}
