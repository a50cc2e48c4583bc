#!/bin/sh
# Creates Logtable's tables, layers and policies with the AWS CLI, in the region
# and account that it is set up for. Run it from the repository's root after
# `make layer`, or with the zip files of a release in layer/dist. What is there
# already is left as it is; a new version of each layer is published each time.
#
#   ALERT_TOPIC_ARNS  SNS topics for alerts, with commas between them
#   KMS_KEY_ARN       a key of your own that encrypts the tables
set -eu

info=${LOGTABLE_INFO_TABLE:-logtable-info}
errors=${LOGTABLE_ERRORS_TABLE:-logtable-errors}
dist=$(dirname "$0")/../dist

# tables

table() { # table NAME WRITE-UNITS [OPTION…]: keys are the same in both; sets arn
	name=$1 units=$2
	shift 2
	if arn=$(aws dynamodb describe-table --table-name "$name" --query Table.TableArn --output text 2>/dev/null); then
		echo "table $name is there"
		return
	fi
	arn=$(aws dynamodb create-table --table-name "$name" --billing-mode PAY_PER_REQUEST \
		--on-demand-throughput "MaxWriteRequestUnits=$units" \
		--attribute-definitions AttributeName=date,AttributeType=S AttributeName=stamp_mod,AttributeType=S \
		--key-schema AttributeName=date,KeyType=HASH AttributeName=stamp_mod,KeyType=RANGE \
		${KMS_KEY_ARN:+--sse-specification "Enabled=true,SSEType=KMS,KMSMasterKeyId=$KMS_KEY_ARN"} \
		--query TableDescription.TableArn --output text "$@")
	aws dynamodb wait table-exists --table-name "$name"
	echo "table $name created"
}

# The caps keep a runaway loop from running up a bill. Rows of the first table
# expire; those of the second stay until somebody deletes them.
table "$info" 1000
infoArn=$arn
ttl=$(aws dynamodb describe-time-to-live --table-name "$info" \
	--query TimeToLiveDescription.TimeToLiveStatus --output text)
case $ttl in
ENABL*) ;;
*) aws dynamodb update-time-to-live --table-name "$info" \
	--time-to-live-specification Enabled=true,AttributeName=expiry >/dev/null ;;
esac
table "$errors" 200 --deletion-protection-enabled
errorsArn=$arn
aws dynamodb update-continuous-backups --table-name "$errors" \
	--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true >/dev/null

# layers

for arch in arm64 x86_64; do
	arn=$(aws lambda publish-layer-version --layer-name "logtable-$arch" \
		--description "Writes a function's JSON log lines to two DynamoDB tables" \
		--zip-file "fileb://$dist/logtable-layer-$arch.zip" \
		--compatible-architectures "$arch" --license-info MIT \
		--query LayerVersionArn --output text)
	echo "layer $arn published"
done

# policies, one for each duty

existing=" $(aws iam list-policies --scope Local --query 'Policies[].PolicyName' --output text | tr '\t\n' '  ') "
both="\"$infoArn\", \"$errorsArn\""

policy() { # policy NAME: statements on standard input, each ending with a comma but the last
	statements=$(cat)
	if [ -n "${KMS_KEY_ARN:-}" ]; then
		statements="$statements,
  {\"Effect\": \"Allow\", \"Action\": \"kms:Decrypt\", \"Resource\": \"$KMS_KEY_ARN\"}"
	fi
	case $existing in
	*" $1 "*)
		echo "policy $1 is there"
		return
		;;
	esac
	arn=$(aws iam create-policy --policy-name "$1" --query Policy.Arn --output text \
		--policy-document "{\"Version\": \"2012-10-17\", \"Statement\": [
$statements
]}")
	echo "policy $arn created"
}

# The rows' keys begin with the year, so 20* is all days and nothing else that
# is in the tables; under the key "shards", a sharded table says so to its
# readers. All that the layer does with the function's role:
policy logtable-WritePolicy <<END
  {"Effect": "Allow", "Action": "dynamodb:BatchWriteItem", "Resource": [$both],
   "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["20*", "shards"]}}}
END

# What alerts need beside it. This one is for any function, and lets each touch
# the items of the others: `logtable init cli` prints the form for one.
if [ -n "${ALERT_TOPIC_ARNS:-}" ]; then
	policy logtable-AlertPolicy <<END
  {"Effect": "Allow", "Action": "sns:Publish", "Resource": ["$(echo "$ALERT_TOPIC_ARNS" | sed 's/, */", "/g')"]},
  {"Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": "$infoArn",
   "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "alert#*"}}},
  {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "$errorsArn",
   "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "cause#*"}}}
END
fi

# For people who run `logtable query` or `logtable export`.
policy logtable-ReadPolicy <<END
  {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": [$both]}
END

# For people who run `logtable replay` or `logtable import`.
policy logtable-ReplayPolicy <<END
  {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": [$both],
   "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["20*", "shards"]}}}
END

# For people who run `logtable resolve`, beside ReadPolicy.
policy logtable-ResolvePolicy <<END
  {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"],
   "Resource": "$errorsArn", "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "cause#*"}}}
END

# For people who run `logtable resolve --delete`, beside the two above.
policy logtable-DeletePolicy <<END
  {"Effect": "Allow", "Action": "dynamodb:DeleteItem", "Resource": "$errorsArn",
   "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "20*"}}}
END
