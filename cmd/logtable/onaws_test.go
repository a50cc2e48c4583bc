package main

import (
	"archive/zip"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/logtable/logtable/internal/resources"
	"github.com/logtable/logtable/internal/sandbox/moto"
)

// motoAccount is the account that moto plays.
const motoAccount = "123456789012"

// An awsRig is an account of moto's, with zip files of a layer beside it.
type awsRig struct {
	*moto.Front
	t      *testing.T
	region string
	zips   map[string]string // by architecture
	cloud  *cloud            // to look and to prepare, past the front
}

// onMoto starts with an empty account.
func onMoto(t *testing.T, region string) *awsRig {
	isolate(t)
	r := &awsRig{Front: moto.StartFront(t), t: t, region: region, zips: map[string]string{}}
	for architecture, machine := range machines {
		r.zips[architecture] = layerFile(t, machine, "1")
	}
	sh := &shell{getenv: func(string) string { return "" }}
	var err error
	r.cloud, err = connectCloud(t.Context(), sh, &accountFlags{region: region, endpointURL: moto.URL()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// run runs the tool, which answers no questions.
func (r *awsRig) run(args ...string) result {
	r.t.Helper()
	if args[0] == "publish" {
		args = append(args, "--zip", r.zips["arm64"], "--zip", r.zips["x86_64"])
	}
	return logtable(r.t, nil, append(args, "--region", r.region, "--endpoint-url", r.URL)...)
}

// must runs the tool, which must do what it is told.
func (r *awsRig) must(args ...string) string {
	r.t.Helper()
	got := r.run(args...)
	if got.code != exitOK || got.stderr != "" {
		r.t.Fatalf("logtable %s: exit code %d\n%s%s", strings.Join(args, " "), got.code, got.stdout, got.stderr)
	}
	return got.stdout
}

// refused runs the tool, which must fail and say all of these.
func (r *awsRig) refused(words []string, args ...string) {
	r.t.Helper()
	got := r.run(args...)
	if got.code == exitOK {
		r.t.Errorf("logtable %s: exit code 0\n%s", strings.Join(args, " "), got.stdout)
	}
	for _, word := range words {
		if !strings.Contains(got.stderr, word) {
			r.t.Errorf("logtable %s does not say %q:\n%s", strings.Join(args, " "), word, got.stderr)
		}
	}
}

// layerFile is a zip file like the layer's, with content of its own.
func layerFile(t *testing.T, machine elf.Machine, content string) string {
	t.Helper()
	header := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB),
			byte(elf.EV_CURRENT)},
		Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT), Ehsize: 64, Shentsize: 64,
	}
	var program, archive bytes.Buffer
	noError(t, binary.Write(&program, binary.LittleEndian, header))
	program.WriteString(content)
	z := zip.NewWriter(&archive)
	w, err := z.Create("extensions/logtable")
	noError(t, err)
	_, err = w.Write(program.Bytes())
	noError(t, err)
	noError(t, z.Close())
	path := filepath.Join(t.TempDir(), "layer.zip")
	noError(t, os.WriteFile(path, archive.Bytes(), 0o600))
	return path
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// role makes a role with a policy of its own.
func (r *awsRig) role(name string) (arn string) {
	r.t.Helper()
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},` +
		`"Action":"sts:AssumeRole"}}`
	out, err := r.cloud.iam.CreateRole(r.t.Context(), &iam.CreateRoleInput{RoleName: &name, Path: aws.String("/app/"),
		AssumeRolePolicyDocument: &trust})
	noError(r.t, err)
	own := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}`
	noError(r.t, r.cloud.setPolicy(r.t.Context(), name, "own", own))
	return aws.ToString(out.Role.Arn)
}

// layer publishes a layer of somebody else's.
func (r *awsRig) layer(name string) (arn string) {
	r.t.Helper()
	content, err := os.ReadFile(r.zips["arm64"])
	noError(r.t, err)
	out, err := r.cloud.publishLayer(r.t.Context(), layerZip{layer: resources.Layer{Name: name, Architecture: "arm64"},
		content: content})
	noError(r.t, err)
	return out.arn
}

// function makes a function, after changes.
func (r *awsRig) function(name, role string, changes ...func(*lambda.CreateFunctionInput)) {
	r.t.Helper()
	content, err := os.ReadFile(r.zips["arm64"])
	noError(r.t, err)
	in := &lambda.CreateFunctionInput{FunctionName: &name, Role: &role, Runtime: types.RuntimePython313,
		Handler: aws.String("h.h"), Code: &types.FunctionCode{ZipFile: content}, Timeout: aws.Int32(10),
		MemorySize: aws.Int32(256), Architectures: []types.Architecture{types.ArchitectureArm64}}
	for _, change := range changes {
		change(in)
	}
	_, err = r.cloud.lambda.CreateFunction(r.t.Context(), in)
	noError(r.t, err)
}

// state is all of a function and its role that attach could change.
type state struct {
	Layers    []string
	Variables map[string]string
	Tags      map[string]string
	Policies  map[string]string
	Memory    int32
	Timeout   int32
}

func (r *awsRig) state(function string) state {
	r.t.Helper()
	ctx := context.Background()
	t, err := r.cloud.readFunction(ctx, function)
	noError(r.t, err)
	s := state{Layers: t.layers, Variables: t.variables, Tags: t.tags, Policies: map[string]string{},
		Memory: aws.ToInt32(t.config.MemorySize), Timeout: aws.ToInt32(t.config.Timeout)}
	list, err := r.cloud.iam.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &t.role})
	noError(r.t, err)
	for _, name := range list.PolicyNames {
		s.Policies[name], err = r.cloud.readPolicy(ctx, t.role, name)
		noError(r.t, err)
	}
	return s
}

// machines are those of the architectures.
var machines = map[string]elf.Machine{"arm64": elf.EM_AARCH64, "x86_64": elf.EM_X86_64}

// cloudRole is the ARN of a function's role.
func (r *awsRig) cloudRole(function string) string {
	r.t.Helper()
	t, err := r.cloud.readFunction(r.t.Context(), function)
	noError(r.t, err)
	return aws.ToString(t.config.Role)
}

// configure changes a function as somebody else does.
func (r *awsRig) configure(function string, layers []string, variables map[string]string) {
	r.t.Helper()
	_, err := r.cloud.lambda.UpdateFunctionConfiguration(r.t.Context(), &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &function, Layers: layers, Environment: &types.Environment{Variables: variables}})
	noError(r.t, err)
}
