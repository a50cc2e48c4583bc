package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/resources"
	"github.com/logtable/logtable/internal/version"
)

// publishFlags are what `logtable publish` can be told.
type publishFlags struct {
	cloudFlags
	zips []string
}

func newPublish(sh *shell) *cobra.Command {
	f := &publishFlags{}
	cmd := &cobra.Command{
		Use:   "publish",
		Short: "Publish the layer in your AWS account",
		Long: `Publish the layer in your AWS account, one for each architecture, from the zip
files of a release. They are looked for beside this program, in the current
directory and in layer/dist; --zip names others.

A layer whose newest version has the same content is left alone.`,
		Example: `  logtable publish
  logtable publish --zip ` + resources.Layers()[0].Zip + ` --region eu-central-1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return publish(cmd.Context(), sh, f) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.zips, "zip", nil, "`FILE` of a layer; may be repeated")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would be published, and change nothing")
	f.registerAccount(flags)
	return cmd
}

// maxZip is what Lambda takes without S3, in bytes.
const maxZip = 50 << 20

// A layerZip is a layer as it is released.
type layerZip struct {
	path    string
	layer   resources.Layer
	version string // of the extension in it
	content []byte
}

func publish(ctx context.Context, sh *shell, f *publishFlags) error {
	zips, err := f.find()
	if err != nil {
		return err
	}
	c, err := connectCloud(ctx, sh, &f.accountFlags)
	if err != nil {
		return err
	}
	for _, z := range zips {
		newest, err := c.newestLayer(ctx, z.layer.Name)
		if err != nil {
			return err
		}
		switch {
		case newest != nil && newest.sum == z.sum():
			fmt.Fprintf(sh.stdout, "%s: version %d has this content\n", z.layer.Name, newest.number)
		case f.dryRun:
			fmt.Fprintf(sh.stdout, "%s: %s would be published (%s)\n", z.layer.Name, visible(z.path),
				visible(z.version))
			continue
		default:
			if newest, err = c.publishLayer(ctx, z); err != nil {
				return err
			}
			fmt.Fprintf(sh.stdout, "%s: version %d published (%s)\n", z.layer.Name, newest.number, visible(z.version))
		}
		fmt.Fprintf(sh.stdout, "  %s\n", visible(newest.arn))
	}
	if f.dryRun {
		return dryRunIsFine(sh, errDryRun)
	}
	fmt.Fprintf(sh.stdout, "\nNext:\n  logtable attach FUNCTION%s\n", visible(c.flags))
	return nil
}

// find returns the zip files that are named, or else those that lie where
// releases and builds put them: one for each architecture.
func (f *publishFlags) find() (zips []layerZip, err error) {
	paths := f.zips
	if len(paths) == 0 {
		dirs := []string{".", filepath.Join("layer", "dist")}
		if program, err := os.Executable(); err == nil {
			dirs = append([]string{filepath.Dir(program)}, dirs...)
		}
		for _, layer := range resources.Layers() {
			path, err := firstOf(dirs, layer.Zip)
			if err != nil {
				return nil, err
			}
			paths = append(paths, path)
		}
	}
	seen := map[string]string{}
	for _, path := range paths {
		z, err := readLayer(path)
		if err != nil {
			return nil, err
		}
		if other := seen[z.layer.Name]; other != "" {
			return nil, usagef("%s and %s are both for %s: name one", other, path, z.layer.Architecture)
		}
		seen[z.layer.Name] = path
		zips = append(zips, z)
	}
	return zips, nil
}

func firstOf(dirs []string, name string) (string, error) {
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name), nil
		}
	}
	return "", fmt.Errorf("there is no %s in %s: download it from the release, run make layer, or name it with --zip",
		name, strings.Join(dirs, ", "))
}

// readLayer reads a zip file and finds out what it is for.
func readLayer(path string) (layerZip, error) {
	info, err := os.Stat(path)
	if err != nil {
		return layerZip{}, err
	}
	if info.Size() > maxZip {
		return layerZip{}, fmt.Errorf("%s is larger than Lambda takes: %d of %d bytes", path, info.Size(), maxZip)
	}
	z := layerZip{path: path}
	if z.content, err = os.ReadFile(path); err != nil {
		return layerZip{}, err
	}
	binary, err := extensionOf(z.content)
	if err != nil {
		return layerZip{}, fmt.Errorf("%s is not Logtable's layer: %w", path, err)
	}
	z.version = version.Find(binary)
	program, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		return layerZip{}, fmt.Errorf("%s is not Logtable's layer: %w", path, err)
	}
	machines := map[elf.Machine]string{elf.EM_AARCH64: "arm64", elf.EM_X86_64: "x86_64"}
	for _, layer := range resources.Layers() {
		if layer.Architecture == machines[program.Machine] {
			z.layer = layer
		}
	}
	if z.layer.Name == "" {
		return layerZip{}, fmt.Errorf("%s is for %s, which Lambda does not have", path, program.Machine)
	}
	return z, nil
}

// maxExtension bounds what is unpacked, in bytes: more than a whole layer may
// have.
const maxExtension = 250 << 20

func extensionOf(content []byte) ([]byte, error) {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, err
	}
	file, err := archive.Open("extensions/logtable")
	if err != nil {
		return nil, errors.New("it has no extensions/logtable")
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxExtension))
}

// sum is what Lambda calls CodeSha256.
func (z *layerZip) sum() string {
	sum := sha256.Sum256(z.content)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// A layerVersion is one that is published.
type layerVersion struct {
	arn    string
	number int64
	sum    string // CodeSha256
}

// newestLayer is the newest version of a layer; nil for none.
func (c *cloud) newestLayer(ctx context.Context, name string) (*layerVersion, error) {
	var newest *layerVersion
	pages := lambda.NewListLayerVersionsPaginator(c.lambda, &lambda.ListLayerVersionsInput{LayerName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if missing := (&types.ResourceNotFoundException{}); errors.As(err, &missing) {
			return nil, nil
		}
		if err != nil {
			return nil, c.explainCall(call{cannot: "list the versions of the layer " + name,
				permission: "lambda:ListLayerVersions", on: "*"}, err)
		}
		for _, v := range page.LayerVersions {
			if newest == nil || v.Version > newest.number {
				newest = &layerVersion{arn: aws.ToString(v.LayerVersionArn), number: v.Version}
			}
		}
	}
	if newest == nil {
		return nil, nil
	}
	out, err := c.lambda.GetLayerVersion(ctx, &lambda.GetLayerVersionInput{LayerName: &name,
		VersionNumber: &newest.number})
	if err != nil {
		return nil, c.explainCall(call{cannot: "look at the layer " + name, permission: "lambda:GetLayerVersion",
			on: newest.arn}, err)
	}
	if out.Content != nil {
		newest.sum = aws.ToString(out.Content.CodeSha256)
	}
	return newest, nil
}

func (c *cloud) publishLayer(ctx context.Context, z layerZip) (*layerVersion, error) {
	out, err := c.lambda.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{
		LayerName:               &z.layer.Name,
		Description:             aws.String(resources.LayerDescription + " (" + z.version + ")"),
		LicenseInfo:             aws.String(resources.LayerLicense),
		CompatibleArchitectures: []types.Architecture{types.Architecture(z.layer.Architecture)},
		Content:                 &types.LayerVersionContentInput{ZipFile: z.content},
	})
	if err != nil {
		return nil, c.explainCall(call{cannot: "publish the layer " + z.layer.Name,
			permission: "lambda:PublishLayerVersion", on: "layer:" + z.layer.Name}, err)
	}
	return &layerVersion{arn: aws.ToString(out.LayerVersionArn), number: out.Version, sum: z.sum()}, nil
}

// layerName takes the ARN of a layer's version apart: what is before the
// version, and the layer's name; "" for what is no such ARN.
func layerName(arn string) (whole, name string) {
	parts := strings.Split(arn, ":")
	if len(parts) != 8 || parts[0] != "arn" || parts[2] != "lambda" || parts[5] != "layer" {
		return "", ""
	}
	if _, err := strconv.Atoi(parts[7]); err != nil {
		return "", ""
	}
	return strings.Join(parts[:7], ":"), parts[6]
}
