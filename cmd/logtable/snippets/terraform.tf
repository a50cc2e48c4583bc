# Logtable for the function {{.Function}}. Code, handler, runtime and the role are
# yours.
{{- if not .Layer}}
data "aws_lambda_layer_version" "logtable" {
  layer_name = "{{.LayerName}}"
}
{{end}}
{{- if not (.IsARN .InfoTable)}}
data "aws_dynamodb_table" "logtable_info" {
  name = "{{.InfoTable}}"
}
{{end}}
{{- if not (.IsARN .ErrorsTable)}}
data "aws_dynamodb_table" "logtable_errors" {
  name = "{{.ErrorsTable}}"
}
{{end}}
resource "aws_iam_role_policy" "logtable_{{.Label}}" {
  name = "logtable-{{.Function}}"
  role = aws_iam_role.{{.Label}}.name
  policy = jsonencode({{.PolicyHCL "  "}})
}

resource "aws_lambda_function" "{{.Label}}" {
  function_name = "{{.Function}}"
  role          = aws_iam_role.{{.Label}}.arn
  filename      = "{{.Function}}.zip"
  handler       = "index.handler"
  runtime       = "nodejs22.x"
  architectures = ["{{.Architecture}}"]
  layers        = [{{if .Layer}}"{{.Layer}}"{{else}}data.aws_lambda_layer_version.logtable.arn{{end}}]
  {{- with .Variables}}

  environment {
    variables = {
      {{- $width := width .}}
      {{- range $name, $value := .}}
      {{printf "%-*s" $width $name}} = {{json $value}}
      {{- end}}
    }
  }
  {{- end}}
}

resource "aws_iam_role" "{{.Label}}" {
  name = "{{.Function}}"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}
