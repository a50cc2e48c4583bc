// Logtable for the function {{.Function}}. Code, handler and runtime are yours.
import { Aws, Stack, StackProps } from 'aws-cdk-lib/core';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';

export class {{.ID}}Stack extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);
    const fn = new lambda.Function(this, '{{.ID}}', {
      functionName: '{{.Function}}',
      code: lambda.Code.fromAsset('src'),
      handler: 'index.handler',
      runtime: lambda.Runtime.NODEJS_22_X,
      architecture: lambda.Architecture.{{.CDKArchitecture}},
      {{- with .Variables}}
      environment: {
        {{- range $name, $value := .}}
        {{$name}}: {{json $value}},
        {{- end}}
      },
      {{- end}}
    });
    {{- if not .Layer}}
    // Its last number is the version.
    {{- end}}
    fn.addLayers(lambda.LayerVersion.fromLayerVersionArn(this, 'Logtable',
      `{{.LayerARN}}`));
    new iam.Policy(this, 'LogtablePolicy', {
      roles: [fn.role!],
      document: iam.PolicyDocument.fromJson({{.PolicyTS "      "}}),
    });
  }
}
