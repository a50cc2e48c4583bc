locals {
  # Each policy for tables that are encrypted with a key of yours allows to use
  # the key.
  key_statements = [for arn in compact([var.kms_key_arn]) : {
    Effect   = "Allow"
    Action   = "kms:Decrypt"
    Resource = arn
  }]

  # One policy for each duty. The rows' keys begin with the year, so 20* is all
  # days and nothing else that is in the tables; under the key "shards", a
  # sharded table says so to its readers.
  statements = {
    # All that the layer does with the function's role.
    WritePolicy = [{
      Effect    = "Allow"
      Action    = "dynamodb:BatchWriteItem"
      Resource  = [local.info_arn, local.errors_arn]
      Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["20*", "shards"] } }
    }]

    # What alerts need beside it. This one is for any function, and lets each
    # touch the items of the others: it could mute their alerts. `logtable init
    # terraform` prints the form for one function.
    AlertPolicy = [
      {
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = var.alert_topic_arns
      },
      {
        Effect    = "Allow"
        Action    = "dynamodb:UpdateItem"
        Resource  = local.info_arn
        Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = "alert#*" } }
      },
      {
        Effect    = "Allow"
        Action    = "dynamodb:GetItem"
        Resource  = local.errors_arn
        Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = "cause#*" } }
      },
    ]

    # For people who run `logtable query` or `logtable export`.
    ReadPolicy = [{
      Effect   = "Allow"
      Action   = "dynamodb:Query"
      Resource = [local.info_arn, local.errors_arn]
    }]

    # For people who run `logtable replay` or `logtable import`.
    ReplayPolicy = [{
      Effect    = "Allow"
      Action    = "dynamodb:PutItem"
      Resource  = [local.info_arn, local.errors_arn]
      Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["20*", "shards"] } }
    }]

    # For people who run `logtable resolve`, beside ReadPolicy.
    ResolvePolicy = [{
      Effect    = "Allow"
      Action    = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"]
      Resource  = local.errors_arn
      Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = "cause#*" } }
    }]

    # For people who run `logtable resolve --delete`, beside the two above.
    DeletePolicy = [{
      Effect    = "Allow"
      Action    = "dynamodb:DeleteItem"
      Resource  = local.errors_arn
      Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = "20*" } }
    }]
  }

  policies = {
    for duty, statements in local.statements : duty => jsonencode({
      Version   = "2012-10-17"
      Statement = concat(statements, local.key_statements)
    }) if duty != "AlertPolicy" || length(var.alert_topic_arns) > 0
  }
}
