import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { test } from 'node:test';

import { App, Stack } from 'aws-cdk-lib/core';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Match, Template } from 'aws-cdk-lib/assertions';

import { Logtable, LogtableProps } from '../lib/logtable';

const layerDirectory = fs.mkdtempSync(path.join(os.tmpdir(), 'logtable-cdk-'));
process.on('exit', () => fs.rmSync(layerDirectory, { recursive: true, force: true }));
for (const architecture of ['arm64', 'x86_64']) {
  // Files are told apart by their content.
  fs.writeFileSync(path.join(layerDirectory, `logtable-layer-${architecture}.zip`), architecture);
}

function synth(props: (stack: Stack) => LogtableProps, architecture?: lambda.Architecture): Template {
  const stack = new Stack(new App(), 'Stack');
  const logtable = new Logtable(stack, 'Logtable', { layerDirectory, ...props(stack) });
  if (architecture) {
    logtable.attach(new lambda.Function(stack, 'Orders', {
      code: lambda.Code.fromInline('exports.handler = () => {}'), handler: 'index.handler',
      runtime: lambda.Runtime.NODEJS_22_X, architecture,
    }));
  }
  return Template.fromStack(stack);
}

test('tables', () => {
  const template = synth(() => ({}));
  template.resourceCountIs('AWS::DynamoDB::Table', 2);
  template.hasResource('AWS::DynamoDB::Table', {
    DeletionPolicy: 'Retain',
    Properties: { TableName: 'logtable-errors', DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      OnDemandThroughput: { MaxWriteRequestUnits: 200 }, TimeToLiveSpecification: Match.absent() },
  });
  template.hasResource('AWS::DynamoDB::Table', {
    DeletionPolicy: 'Delete',
    Properties: { TableName: 'logtable-info', OnDemandThroughput: { MaxWriteRequestUnits: 1000 },
      TimeToLiveSpecification: { AttributeName: 'expiry', Enabled: true } },
  });
  template.resourceCountIs('AWS::IAM::ManagedPolicy', 5);
});

for (const [name, architecture] of [
  ['arm64', lambda.Architecture.ARM_64], ['x86_64', lambda.Architecture.X86_64],
] as const) {
  test(`a function of ${name}`, () => {
    const template = synth((stack) => ({ alertTopics: [new sns.Topic(stack, 'Oncall')] }), architecture);
    const [layer] = Object.keys(template.findResources('AWS::Lambda::LayerVersion',
      { Properties: { LayerName: `logtable-${name}`, CompatibleArchitectures: [name] } }));
    const [fn] = Object.keys(template.findResources('AWS::Lambda::Function'));
    template.hasResourceProperties('AWS::Lambda::Function', {
      Layers: [{ Ref: layer }],
      Environment: { Variables: { LOGTABLE_INFO_TABLE: Match.anyValue(), LOGTABLE_ERRORS_TABLE: Match.anyValue(),
        LOGTABLE_ALERT_TOPIC_ARNS: Match.anyValue() } },
    });
    // Its own items only, and CloudFormation can create both: no cycle.
    template.hasResourceProperties('AWS::IAM::Policy', { PolicyDocument: { Statement: Match.arrayWith([
      Match.objectLike({ Condition: { 'ForAllValues:StringLike':
        { 'dynamodb:LeadingKeys': [{ 'Fn::Join': ['', ['alert#', { Ref: fn }, '#*']] }] } } }),
    ]) } });
    template.resourceCountIs('AWS::IAM::ManagedPolicy', 6);
  });
}

test('a key of one\'s own', () => {
  const template = synth((stack) => ({ encryptionKey: new kms.Key(stack, 'Key'), pointInTimeRecovery: false }),
    lambda.Architecture.ARM_64);
  template.allResourcesProperties('AWS::DynamoDB::Table', { SSESpecification: Match.objectLike({ SSEType: 'KMS' }) });
  for (const type of ['AWS::IAM::ManagedPolicy', 'AWS::IAM::Policy']) {
    template.allResourcesProperties(type, { PolicyDocument: { Statement: Match.arrayWith([
      Match.objectLike({ Action: 'kms:Decrypt' }),
    ]) } });
  }
  template.resourcePropertiesCountIs('AWS::DynamoDB::Table',
    { PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }, 0);
});
