package main

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/logtable/logtable/internal/resources"
)

// TestPublishReadsItsZips: what is no layer of ours is not published.
func TestPublishReadsItsZips(t *testing.T) {
	isolate(t)
	t.Chdir(t.TempDir())
	arm, again := layerFile(t, elf.EM_AARCH64, "1"), layerFile(t, elf.EM_AARCH64, "2")
	other := layerFile(t, elf.EM_RISCV, "1")
	var empty bytes.Buffer
	noError(t, zip.NewWriter(&empty).Close())
	noError(t, os.WriteFile("empty.zip", empty.Bytes(), 0o600))
	noError(t, os.WriteFile("text.zip", []byte("text"), 0o600))
	for _, tc := range []struct{ args, says string }{
		{"", "there is no " + resources.Layers()[0].Zip},
		{"--zip nowhere.zip", "nowhere.zip"},
		{"--zip text.zip", "text.zip is not Logtable's layer"},
		{"--zip empty.zip", "it has no extensions/logtable"},
		{"--zip " + other, "is for EM_RISCV, which Lambda does not have"},
		{"--zip " + arm + " --zip " + again, "are both for arm64"},
	} {
		got := logtable(t, nil, append([]string{"publish"}, strings.Fields(tc.args)...)...)
		if got.code == exitOK || !strings.Contains(got.stderr, tc.says) {
			t.Errorf("publish %s: %+v, want %q", tc.args, got, tc.says)
		}
	}
}

// TestPublishKnowsTheVersion of what is in the zip file, which may be another
// than the tool's.
func TestPublishKnowsTheVersion(t *testing.T) {
	for content, want := range map[string]string{
		"…logtable=v0.3.1-rc.1;…":  "v0.3.1-rc.1",
		"1":                        "devel",
		"logtable=v0.1":            "devel",
		"logtable=v?;logtable=v2;": "v2",
	} {
		z, err := readLayer(layerFile(t, elf.EM_AARCH64, content))
		if err != nil || z.version != want {
			t.Errorf("of %q: %q, %v, want %q", content, z.version, err, want)
		}
	}
}

// TestPublishFindsItsZips, in the current directory and in layer/dist, and says
// of the layers what they are.
func TestPublishFindsItsZips(t *testing.T) {
	r := onMoto(t, "us-east-1")
	t.Chdir(t.TempDir())
	noError(t, os.MkdirAll(filepath.Join("layer", "dist"), 0o700))
	for i, layer := range resources.Layers() {
		dir := []string{".", filepath.Join("layer", "dist")}[i]
		noError(t, os.Rename(r.zips[layer.Architecture], filepath.Join(dir, layer.Zip)))
	}
	publish := func(args ...string) string {
		t.Helper()
		args = append([]string{"publish", "--region", "us-east-1", "--endpoint-url", r.URL}, args...)
		got := logtable(t, nil, args...)
		if got.code != exitOK {
			t.Fatalf("%+v", got)
		}
		return got.stdout
	}
	if out := publish("--dry-run"); strings.Count(out, "would be published") != 2 {
		t.Error(out)
	}
	for _, layer := range resources.Layers() {
		if newest, err := r.cloud.newestLayer(t.Context(), layer.Name); newest != nil || err != nil {
			t.Errorf("--dry-run publishes %v, %v", newest, err)
		}
	}
	publish()
	for _, layer := range resources.Layers() {
		v, err := r.cloud.lambda.GetLayerVersion(t.Context(), &lambda.GetLayerVersionInput{LayerName: &layer.Name,
			VersionNumber: aws.Int64(1)})
		noError(t, err)
		if len(v.CompatibleArchitectures) != 1 || string(v.CompatibleArchitectures[0]) != layer.Architecture ||
			aws.ToString(v.LicenseInfo) != "MIT" ||
			aws.ToString(v.Description) != resources.LayerDescription+" (devel)" {
			t.Errorf("%s: %+v", layer.Name, v)
		}
	}
}
