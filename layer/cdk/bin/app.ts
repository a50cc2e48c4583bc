// An app with the construct and a sample function: npm run synth.
import { App, Stack } from 'aws-cdk-lib/core';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sns from 'aws-cdk-lib/aws-sns';

import { Logtable } from '../lib/logtable';

const app = new App();
const stack = new Stack(app, 'logtable');
const topic = app.node.tryGetContext('alertTopicArn');
const logtable = new Logtable(stack, 'Logtable', {
  layerDirectory: app.node.tryGetContext('layerDirectory'),
  alertTopics: topic ? [sns.Topic.fromTopicArn(stack, 'Topic', topic)] : [],
});
const fn = new lambda.Function(stack, 'Sample', {
  code: lambda.Code.fromInline(`import json
def handler(event, context):
    print(json.dumps({"locator": "1", "level": "INFO", "text": "hello"}))
    print(json.dumps({"locator": "2", "level": "ERROR", "text": "an error"}))
`),
  handler: 'index.handler',
  runtime: lambda.Runtime.PYTHON_3_13,
  architecture: lambda.Architecture.ARM_64,
});
logtable.attach(fn);
