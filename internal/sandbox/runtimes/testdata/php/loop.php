<?php
// Takes invocations from the Runtime API to a PHP handler, a file that returns
// a function, as Bref's function runtime does.

$api = 'http://' . getenv('AWS_LAMBDA_RUNTIME_API') . '/2018-06-01/runtime/invocation';

function post(string $url, mixed $body): void
{
    $request = ['method' => 'POST', 'header' => 'Content-Type: application/json', 'content' => json_encode($body)];
    file_get_contents($url, false, stream_context_create(['http' => $request]));
}

$handler = require getenv('LAMBDA_TASK_ROOT') . '/' . getenv('_HANDLER');
$forever = stream_context_create(['http' => ['timeout' => 86400]]);
while (true) {
    $event = file_get_contents("$api/next", false, $forever);
    $id = '';
    foreach ($http_response_header as $header) {
        if (stripos($header, 'Lambda-Runtime-Aws-Request-Id:') === 0) {
            $id = trim(substr($header, strpos($header, ':') + 1));
        }
    }
    try {
        post("$api/$id/response", $handler(json_decode($event, true)));
    } catch (Throwable $e) {
        $fault = ['errorType' => get_class($e), 'errorMessage' => $e->getMessage(), 'stack' => explode("\n", $e->getTraceAsString())];
        echo "$id\tInvoke Error\t" . json_encode($fault) . "\n";
        post("$api/$id/error", ['errorType' => $fault['errorType'], 'errorMessage' => $fault['errorMessage'], 'stackTrace' => $fault['stack']]);
    }
}
