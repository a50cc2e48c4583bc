import * as path from 'node:path';

import { RemovalPolicy } from 'aws-cdk-lib/core';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

/** One policy for each duty. */
export type Duty =
  | 'WritePolicy' // the layer: writes rows
  | 'AlertPolicy' // the layer, beside WritePolicy: sends alerts
  | 'ReadPolicy' // people: query, tail, show, stats, errors, export
  | 'ReplayPolicy' // people: replay, import
  | 'ResolvePolicy' // people, beside ReadPolicy: resolve, ignore, reopen
  | 'DeletePolicy'; // people, beside both: resolve --delete

export interface LogtableProps {
  /** The informational table, whose rows expire. @default logtable-info */
  readonly infoTableName?: string;
  /** The errors table, whose rows stay until somebody deletes them. @default logtable-errors */
  readonly errorsTableName?: string;
  /**
   * Maximum write units per second on the informational table, so that a
   * runaway loop cannot run up a bill.
   * @default 1000
   */
  readonly maxInfoWriteUnits?: number;
  /** The same for the errors table. @default 200 */
  readonly maxErrorsWriteUnits?: number;
  /** Whether the errors table can be restored as it was at any second of the last 35 days. @default true */
  readonly pointInTimeRecovery?: boolean;
  /** The key of your own that encrypts both tables. @default DynamoDB's, which costs nothing */
  readonly encryptionKey?: kms.IKey;
  /** Topics for alerts about severe records. @default none, and no policy for alerts */
  readonly alertTopics?: sns.ITopic[];
  /**
   * Where logtable-layer-arm64.zip and logtable-layer-x86_64.zip are: those of
   * a release, or of `make layer`.
   * @default layer/dist of the repository
   */
  readonly layerDirectory?: string;
}

/** Two tables for log lines, the layer that writes them, and a policy for each duty. */
export class Logtable extends Construct {
  readonly infoTable: dynamodb.Table;
  readonly errorsTable: dynamodb.Table;
  readonly layerArm64: lambda.LayerVersion;
  readonly layerX8664: lambda.LayerVersion;
  /** The policies, but AlertPolicy only if there are topics. */
  readonly policies: { readonly [duty in Duty]?: iam.ManagedPolicy };

  private readonly topics: sns.ITopic[];
  private readonly key?: kms.IKey;

  constructor(scope: Construct, id: string, props: LogtableProps = {}) {
    super(scope, id);
    this.topics = props.alertTopics ?? [];
    this.key = props.encryptionKey;
    this.infoTable = this.table('InfoTable', {
      tableName: props.infoTableName ?? 'logtable-info',
      maxWriteRequestUnits: props.maxInfoWriteUnits ?? 1000,
      timeToLiveAttribute: 'expiry',
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Deleting the stack leaves this table: switch the protection off and
    // delete it by hand when nobody needs its errors.
    this.errorsTable = this.table('ErrorsTable', {
      tableName: props.errorsTableName ?? 'logtable-errors',
      maxWriteRequestUnits: props.maxErrorsWriteUnits ?? 200,
      deletionProtection: true,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: props.pointInTimeRecovery ?? true },
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const directory = props.layerDirectory ?? path.join(__dirname, '..', '..', '..', 'dist');
    this.layerArm64 = this.layer('LayerArm64', 'arm64', lambda.Architecture.ARM_64, directory);
    this.layerX8664 = this.layer('LayerX8664', 'x86_64', lambda.Architecture.X86_64, directory);
    const duties: Duty[] = ['WritePolicy', 'ReadPolicy', 'ReplayPolicy', 'ResolvePolicy', 'DeletePolicy'];
    if (this.topics.length > 0) {
      duties.push('AlertPolicy');
    }
    this.policies = Object.fromEntries(duties.map((duty) => [
      duty, new iam.ManagedPolicy(this, duty, { statements: this.statements(duty) }),
    ]));
  }

  /**
   * Attaches Logtable to a function: the layer of its architecture, what its
   * role needs, alerts for its own items only, and the tables' names.
   */
  attach(fn: lambda.Function): void {
    fn.addLayers(fn.architecture === lambda.Architecture.ARM_64 ? this.layerArm64 : this.layerX8664);
    fn.addEnvironment('LOGTABLE_INFO_TABLE', this.infoTable.tableName);
    fn.addEnvironment('LOGTABLE_ERRORS_TABLE', this.errorsTable.tableName);
    const statements = this.statements('WritePolicy');
    if (this.topics.length > 0) {
      fn.addEnvironment('LOGTABLE_ALERT_TOPIC_ARNS', this.topics.map((topic) => topic.topicArn).join(','));
      statements.push(...this.statements('AlertPolicy', fn.functionName));
    }
    // Not the role's default policy: the function waits for that one, and this
    // one names the function.
    new iam.Policy(this, `${fn.node.addr}Policy`, { statements, roles: [fn.role!] });
  }

  private table(id: string, props: Partial<dynamodb.TableProps>): dynamodb.Table {
    return new dynamodb.Table(this, id, {
      ...props,
      partitionKey: { name: 'date', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'stamp_mod', type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      encryptionKey: this.key,
    });
  }

  private layer(id: string, name: string, architecture: lambda.Architecture, directory: string): lambda.LayerVersion {
    return new lambda.LayerVersion(this, id, {
      layerVersionName: `logtable-${name}`,
      description: "Writes a function's JSON log lines to two DynamoDB tables",
      code: lambda.Code.fromAsset(path.join(directory, `logtable-layer-${name}.zip`)),
      compatibleArchitectures: [architecture],
      license: 'MIT',
      removalPolicy: RemovalPolicy.RETAIN, // other functions may use an older version
    });
  }

  /**
   * The rows' keys begin with the year, so 20* is all days and nothing else
   * that is in the tables; under the key "shards", a sharded table says so to
   * its readers.
   */
  private statements(duty: Duty, functionName?: string): iam.PolicyStatement[] {
    const info = this.infoTable.tableArn;
    const errors = this.errorsTable.tableArn;
    const list = {
      WritePolicy: () => [allow(['dynamodb:BatchWriteItem'], [info, errors], ['20*', 'shards'])],
      // Without a function's name, it lets each function touch the items of the
      // others: it could mute their alerts.
      AlertPolicy: () => [
        allow(['sns:Publish'], this.topics.map((topic) => topic.topicArn)),
        allow(['dynamodb:UpdateItem'], [info], [functionName ? `alert#${functionName}#*` : 'alert#*']),
        allow(['dynamodb:GetItem'], [errors], ['cause#*']),
      ],
      ReadPolicy: () => [allow(['dynamodb:Query'], [info, errors])],
      ReplayPolicy: () => [allow(['dynamodb:PutItem'], [info, errors], ['20*', 'shards'])],
      ResolvePolicy: () => [allow(['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:Query'],
        [errors], ['cause#*'])],
      DeletePolicy: () => [allow(['dynamodb:DeleteItem'], [errors], ['20*'])],
    }[duty]();
    if (this.key) {
      list.push(allow(['kms:Decrypt'], [this.key.keyArn]));
    }
    return list;
  }
}

function allow(actions: string[], resources: string[], leadingKeys?: string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({
    actions,
    resources,
    conditions: leadingKeys && { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': leadingKeys } },
  });
}
