// Package sanity runs the public conformance suite of CSI, csi-sanity, against
// the driver on an emulated RDS: once in peace, and once while the connection
// is cut again and again.
package sanity

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/kubernetes-csi/csi-test/v5/pkg/sanity"
	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"
	"google.golang.org/grpc"
)

// want is how many specs there are of Identity and of the capabilities that
// the controller announces.
const want = 28

const (
	inPeace   = "in peace"
	underCuts = "while the connection is cut"
	withSSHD  = "over OpenSSH"
)

// The suite can be run once in a process, so all runs are in one.
func TestSanity(t *testing.T) {
	if count := flag.Lookup("test.count"); count != nil && count.Value.String() != "1" {
		t.Skip("ginkgo refuses to run with -count other than 1")
	}
	drivers := map[string]*driverUnderTest{
		inPeace:   newDriver(t, inMemory(t), nil),
		underCuts: newDriver(t, inMemory(t), newScissors(t)),
	}
	if r := overSSHD(t); r != nil {
		drivers[withSSHD] = newDriver(t, r, nil)
	}
	for name, d := range drivers {
		config := sanity.NewTestConfig()
		config.Address, config.ControllerAddress = serveNode(t, d.endpoint), d.endpoint
		config.TargetPath, config.StagingPath = filepath.Join(d.folder, "mount"), filepath.Join(d.folder, "staging")
		config.TestVolumeAccessType, config.TestNodeVolumeAttachLimit = "block", true
		config.ControllerDialOptions = append(config.ControllerDialOptions, grpc.WithChainUnaryInterceptor(d.patience.call))
		ginkgo.Describe(name, func() {
			context := sanity.GinkgoTest(&config)
			t.Cleanup(context.Finalize)
		})
	}
	passed := make(map[string]int)
	ginkgo.ReportAfterSuite("count", func(report ginkgo.Report) {
		for _, spec := range report.SpecReports {
			if spec.LeafNodeType == types.NodeTypeIt && spec.State == types.SpecStatePassed {
				passed[spec.ContainerHierarchyTexts[0]]++
			}
		}
	})
	gomega.RegisterFailHandler(ginkgo.Fail)
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.SkipStrings = []string{"Node Service"}
	reporter.Succinct = true
	if !ginkgo.RunSpecs(t, "csi-sanity", suite, reporter) {
		t.Error("csi-sanity failed")
	}
	for name, d := range drivers {
		t.Logf("%s: %d passed", name, passed[name])
		if passed[name] != want {
			t.Errorf("%s: %d specs passed, want %d", name, passed[name], want)
		}
		if retried := d.patience.retried.Load(); retried != 0 && d.scissors == nil {
			t.Errorf("%s: %d calls were answered Unavailable", name, retried)
		}
		d.wantEmpty()
	}
	cut := drivers[underCuts]
	t.Logf("the connection was cut %d times, %d calls were answered Unavailable", cut.scissors.cuts.Load(), cut.patience.retried.Load())
	if cut.scissors.cuts.Load() == 0 {
		t.Error("the connection was never cut")
	}
}
