package guide

import (
	"reflect"
	"strings"
	"testing"
)

const document = "# Dovecot\n\ntext\n\n## On the old server\n\nThe file `/etc/dovecot/local.conf`:\n\n```conf\nssl = no\n```\n\n```sh\nsystemctl restart dovecot\n```\n" +
	"\n<!-- numbers: made by a test -->\n| 1 |\n<!-- /numbers -->\nend\n"

func TestBlocks(t *testing.T) {
	want := []Block{
		{Section: "On the old server", Language: "conf", File: "/etc/dovecot/local.conf", Text: "ssl = no\n", Line: 10},
		{Section: "On the old server", Language: "sh", Text: "systemctl restart dovecot\n", Line: 14},
	}
	if got := Blocks(document); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nis not\n%+v", got, want)
	}
}

func TestTable(t *testing.T) {
	table, found := Table(document, "numbers")
	if !found || table != "| 1 |\n" {
		t.Errorf("%q, %v", table, found)
	}
	if got := withTable(document, "numbers", "| 2 |\n"); got != strings.Replace(document, "| 1 |", "| 2 |", 1) {
		t.Errorf("got %q", got)
	}
	if _, found := Table(document, "letters"); found {
		t.Error("a table is found that is not there")
	}
}
