package routeros

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

func TestDeleteUnexportsRemovesDiskAndFileAndLooksAgain(t *testing.T) {
	v := volumes(t, scripted(t,
		step{`/file print`, looks(poolJSON, diskJSON, diskJSON, fileJSON)},
		step{`/disk set [find slot="pvc-1" and type=file and file-path="/pool/volumes/pvc-1.img"] nvme-tcp-export=no;`, done},
		step{`/disk remove [find slot="pvc-1" and type=file and file-path="/pool/volumes/pvc-1.img" and !nvme-tcp-export];`, done},
		step{`:if ([:len [/disk find file-path="/pool/volumes/pvc-1.img"]] = 0) do={/file remove [find name="pool/volumes/pvc-1.img"]};`, done},
		step{`/file print`, looks(poolJSON, "", "", "")},
	))
	if err := v.Delete(t.Context(), "pvc-1"); err != nil {
		t.Error(err)
	}
}

func TestDeleteFinishesWhatAnEarlierOneBegan(t *testing.T) {
	look, gone := step{`/file print`, ""}, step{`/file print`, looks(poolJSON, "", "", "")}
	alone := looks(poolJSON, "", "", fileJSON)
	disk, file := step{`/disk remove`, done}, step{`/file remove`, done}
	for name, c := range map[string]struct {
		here  string
		steps []step
	}{
		"nothing is left":        {looks(poolJSON, "", "", ""), nil},
		"only the file is left":  {alone, []step{{`/file print`, alone}, {`/file print`, alone}, {`/file print`, alone}, file, gone}},
		"the file gets its disk": {alone, []step{{`/file print`, alone}, {`/file print`, shows(diskJSON)}, {`nvme-tcp-export=no`, done}, disk, file, gone}},
		"it was unexported":      {looks(poolJSON, unexported, unexported, fileJSON), []step{disk, file, gone}},
		"the file went first":    {looks(poolJSON, unexported, unexported, ""), []step{disk, {`/file remove`, "no such item\r\n"}, gone}},
		"another was here first": {looks(poolJSON, unexported, unexported, fileJSON), []step{{`/disk remove`, "no such item (4)\r\n"}, file, gone}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				look.reply = c.here
				if err := volumes(t, scripted(t, append([]step{look}, c.steps...)...)).Delete(t.Context(), "pvc-1"); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestDeleteTouchesNothingThatIsNotTheVolume(t *testing.T) {
	for name, c := range map[string]struct {
		reply string
		want  Kind
	}{
		"hardware in the slot":   {looks(poolJSON, `{"slot":"pvc-1","type":"hardware"}`, "", ""), ErrInvalid},
		"another file":           {looks(poolJSON, elsewhere, "", ""), ErrInvalid},
		"and without the file":   {looks(poolJSON, "", strings.Replace(diskJSON, `"slot":"pvc-1"`, `"slot":"x"`, 1), ""), ErrInUse},
		"the file of another":    {looks(poolJSON, "", strings.Replace(diskJSON, `"slot":"pvc-1"`, `"slot":"x"`, 1), fileJSON), ErrInUse},
		"no pool to look at":     {looks("", "", "", ""), ErrPoolUnavailable},
		"a pool not mounted":     {looks(`{"slot":"pool","mount-point":"pool","type":"raid","size":214748364800}`, diskJSON, diskJSON, ""), ErrPoolUnavailable},
		"another slot":           {looks(poolJSON, strings.ReplaceAll(diskJSON, "pvc-1", "pvc-2"), "", ""), ErrMalformed},
		"another file listed":    {looks(poolJSON, "", "", strings.ReplaceAll(fileJSON, "pvc-1", "pvc-2")), ErrMalformed},
		"nothing at all":         {"", ErrTruncated},
		"an empty answer":        {"OK-NONCE\r\n", ErrMalformed},
		"words instead of lists": {"something went wrong\r\nOK-NONCE\r\n", ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if err := volumes(t, scripted(t, step{`/file print`, c.reply})).Delete(t.Context(), "pvc-1"); KindOf(err) != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestDeleteStopsAtTheFirstRefusal(t *testing.T) {
	here := step{`/file print`, looks(poolJSON, diskJSON, diskJSON, fileJSON)}
	inUse := "failure: could not unmount, stop using it first\r\n"
	for name, steps := range map[string][]step{
		"of the unexport": {here, {`nvme-tcp-export=no`, inUse}},
		"of the disk":     {here, {`nvme-tcp-export=no`, done}, {`/disk remove`, inUse}},
		"of the file":     {here, {`nvme-tcp-export=no`, done}, {`/disk remove`, done}, {`/file remove`, inUse}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := volumes(t, scripted(t, steps...)).Delete(t.Context(), "pvc-1"); KindOf(err) != ErrInUse {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDeleteDoesNotClaimWhatIsStillThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var steps []step
		for range 4 {
			steps = append(steps, step{`/file print`, looks(poolJSON, "", "", fileJSON)})
		}
		steps = append(steps, step{`/file remove`, done})
		for range settle {
			steps = append(steps, step{`/file print`, looks(poolJSON, "", "", fileJSON)})
		}
		err := volumes(t, scripted(t, steps...)).Delete(t.Context(), "pvc-1")
		if KindOf(err) != ErrOutcomeUnknown || !strings.Contains(err.Error(), "file pool/volumes/pvc-1.img is still there") {
			t.Errorf("got %v", err)
		}
	})
}

func TestDeleteLooksAgainForAnotherDiskOverTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := strings.Replace(diskJSON, `"slot":"pvc-1"`, `"slot":"x"`, 1)
		var steps []step
		for range 4 {
			steps = append(steps, step{`/file print`, looks(poolJSON, "", "", fileJSON)})
		}
		steps = append(steps, step{`/file remove`, done})
		for range settle {
			steps = append(steps, step{`/file print`, looks(poolJSON, "", other, fileJSON)})
		}
		if err := volumes(t, scripted(t, steps...)).Delete(t.Context(), "pvc-1"); KindOf(err) != ErrInUse {
			t.Errorf("got %v", err)
		}
	})
}

func TestAConnectionLostInAnyStepPassesUnchanged(t *testing.T) {
	lost := errors.New("connection lost")
	replies := []string{looks(poolJSON, diskJSON, diskJSON, fileJSON), done, done, done}
	for at := range len(replies) + 1 {
		n := 0
		x := ExecutorFunc(func(_ context.Context, line string) (string, error) {
			if n++; n > at {
				return "", lost
			}
			return strings.ReplaceAll(replies[n-1], "OK-NONCE", sentinel(nonceOf(t, line))), nil
		})
		if err := volumes(t, x).Delete(t.Context(), "pvc-1"); err != lost {
			t.Errorf("lost at command %d: got %v", at+1, err)
		}
	}
}
