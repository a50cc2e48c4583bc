locals {
  info_arn   = aws_dynamodb_table.info.arn
  errors_arn = aws_dynamodb_table.errors.arn
  zips       = coalesce(var.layer_directory, "${path.module}/../dist")
}

resource "aws_dynamodb_table" "info" {
  name         = var.info_table_name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "date"
  range_key    = "stamp_mod"

  attribute {
    name = "date"
    type = "S"
  }

  attribute {
    name = "stamp_mod"
    type = "S"
  }

  ttl {
    attribute_name = "expiry"
    enabled        = true
  }

  on_demand_throughput {
    max_write_request_units = var.max_info_write_units
  }

  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }
}

resource "aws_dynamodb_table" "errors" {
  name                        = var.errors_table_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "date"
  range_key                   = "stamp_mod"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "date"
    type = "S"
  }

  attribute {
    name = "stamp_mod"
    type = "S"
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  on_demand_throughput {
    max_write_request_units = var.max_errors_write_units
  }

  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }
}

# skip_destroy: other functions may use an older version.
resource "aws_lambda_layer_version" "logtable" {
  for_each = toset(["arm64", "x86_64"])

  layer_name               = "logtable-${each.key}"
  description              = "Writes a function's JSON log lines to two DynamoDB tables"
  filename                 = "${local.zips}/logtable-layer-${each.key}.zip"
  source_code_hash         = filebase64sha256("${local.zips}/logtable-layer-${each.key}.zip")
  compatible_architectures = [each.key]
  license_info             = "MIT"
  skip_destroy             = true
}

resource "aws_iam_policy" "duty" {
  for_each = local.policies

  name   = "${var.name_prefix}-${each.key}"
  policy = each.value
}

resource "aws_iam_role_policy_attachment" "reader" {
  for_each = toset(var.reader_roles)

  role       = each.key
  policy_arn = aws_iam_policy.duty["ReadPolicy"].arn
}

resource "aws_iam_role_policy_attachment" "resolver" {
  for_each = toset(var.resolver_roles)

  role       = each.key
  policy_arn = aws_iam_policy.duty["ResolvePolicy"].arn
}
