package routeros

import (
	"strings"
	"testing"
)

func TestCommandsAreClassifiedWithoutTheirValues(t *testing.T) {
	for _, c := range []struct{ command, name, span string }{
		{`/disk/add type=file slot="x"; :put "OK-1"`, "disk_add", "/disk add"},
		{`/disk add type=file`, "disk_add", "/disk add"},
		{`  /disk  add`, "other", "other"},
		{`:put [/disk add type=file]`, "disk_add", "/disk add"},
		{`/disk set [find slot="x"] file-size=1G`, "disk_set", "/disk set"},
		{`/disk/remove [find slot="x"]`, "disk_remove", "/disk remove"},
		{`:put [:serialize to=json [/disk print detail as-value where slot="/file remove"]]`, "disk_print", "/disk print"},
		{`:put [:serialize to=json [:pick [/disk print as-value] 0 9]]`, "disk_print", "/disk print"},
		{`/disk print; :put "x"`, "disk_print", "/disk print"},
		{`/file remove [find name="pool/x.img"]`, "file_remove", "/file remove"},
		{`:put [/file/print detail as-value where name="x"]`, "file_print", "/file print"},
		{identityCommand, "other", "/system resource print"},
		{`/system/resource/print`, "other", "/system resource print"},
		{`:onerror e in={/disk add type=file} do={}`, "disk_add", "/disk add"},
		{`:put [:len [/disk find where slot="x"]]`, "other", "/disk find"},
		{`:put "/disk add"`, "other", ":put"},
		{`:put "\"/disk add"`, "other", ":put"},
		{`:put ok`, "other", ":put"},
		{`:execute {/system reboot}`, "other", "/system reboot"},
		{`/disk format pool-of-secrets`, "other", "/disk format"},
		{`/disk secret add`, "other", "other"},
		{`/container add`, "other", "other"},
		{`/disk`, "other", "other"},
		{`/disk add-secret`, "other", "other"},
		{`:secret`, "other", "other"},
		{`secret`, "other", "other"},
		{``, "other", "other"},
	} {
		if got := CommandName(c.command); got != c.name {
			t.Errorf("CommandName(%q) = %q, want %q", c.command, got, c.name)
		}
		if got := VerbAndMenu(c.command); got != c.span {
			t.Errorf("VerbAndMenu(%q) = %q, want %q", c.command, got, c.span)
		}
	}
}

func FuzzSpanNamesAreMadeOfKnownWords(f *testing.F) {
	f.Add(`/disk add slot="/file remove"`)
	f.Add(`:put [/disk/set "x\"/y"`)
	f.Fuzz(func(t *testing.T, command string) {
		for word := range strings.FieldsSeq(strings.TrimLeft(VerbAndMenu(command), "/:")) {
			if !knownMenus[word] && !knownVerbs[word] && !knownWords[word] && word != "other" {
				t.Errorf("%q gives the word %q", command, word)
			}
		}
	})
}
