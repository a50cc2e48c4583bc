output "layer_arns" {
  description = "The layer of each architecture: layer_arns[\"arm64\"], layer_arns[\"x86_64\"]."
  value       = { for architecture, layer in aws_lambda_layer_version.logtable : architecture => layer.arn }
}

output "policy_arns" {
  description = "The policy of each duty, such as policy_arns[\"WritePolicy\"]."
  value       = { for duty, policy in aws_iam_policy.duty : duty => policy.arn }
}

output "info_table_name" {
  description = "LOGTABLE_INFO_TABLE"
  value       = aws_dynamodb_table.info.name
}

output "info_table_arn" {
  description = "The informational table, for policies of your own."
  value       = aws_dynamodb_table.info.arn
}

output "errors_table_name" {
  description = "LOGTABLE_ERRORS_TABLE"
  value       = aws_dynamodb_table.errors.name
}

output "errors_table_arn" {
  description = "The errors table, for policies of your own."
  value       = aws_dynamodb_table.errors.arn
}
