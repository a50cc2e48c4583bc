#!/bin/sh
# Attaches Logtable to the function {{.Function}}: a layer beside those that it has,
# an inline policy of its role{{if .Variables}}, and variables beside those that it has{{end}}.
set -eu
{{- with .Region}}
export AWS_REGION={{.}} AWS_DEFAULT_REGION={{.}}
{{- end}}
function={{.Function}}

get() { # get QUERY: of the function's configuration
	aws lambda get-function-configuration --function-name "$function" --query "$1" --output text
}

arch=$(get 'Architectures[0]')
{{- if .Layer}}
if [ "$arch" != {{.Architecture}} ]; then
	echo "$function is of $arch, and the layer of {{.Architecture}}" >&2
	exit 1
fi
layer={{.Layer}}
{{- else}}
layer=$(aws lambda list-layer-versions --layer-name "logtable-$arch" \
	--query 'LayerVersions[0].LayerVersionArn' --output text)
{{- end}}
{{- if .IsARN .InfoTable}}
info={{.InfoTable}}
{{- else}}
info=$(aws dynamodb describe-table --table-name {{.InfoTable}} --query Table.TableArn --output text)
{{- end}}
{{- if .IsARN .ErrorsTable}}
errors={{.ErrorsTable}}
{{- else}}
errors=$(aws dynamodb describe-table --table-name {{.ErrorsTable}} --query Table.TableArn --output text)
{{- end}}

role=$(get Role)
aws iam put-role-policy --role-name "${role##*/}" --policy-name "logtable-$function" --policy-document "$(cat <<END
{{.Policy.Indented ""}}
END
)"

others=$(get "Layers[?!contains(Arn, ':layer:logtable-$arch:')].Arn")
[ "$others" != None ] || others=
# Unquoted: one argument for each layer.
aws lambda update-function-configuration --function-name "$function" --layers $others "$layer"
{{- with .Variables}} \
	--environment "$(aws lambda get-function-configuration --function-name "$function" --output json \
		--query '{Variables: merge(Environment.Variables || `{}`, `{{json .}}`)}')"
{{- end}} \
	--query '[FunctionArn, Layers[].Arn]' --output text
