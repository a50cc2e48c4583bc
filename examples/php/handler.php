<?php
// A Lambda function in PHP, as Bref takes it, that logs an informational line
// and an error.

function logLine(string $locator, string $level, string $text, ?string $exception = null): void
{
    $line = ['locator' => $locator, 'level' => $level, 'text' => $text, 'exception' => $exception];
    file_put_contents('php://stdout', json_encode($line, JSON_INVALID_UTF8_SUBSTITUTE) . "\n");
}

return function (array $event) {
    $name = $event['name'] ?? 'world';
    logLine('1', 'INFO', "hello $name, from PHP");
    try {
        intdiv(7, 0);
    } catch (DivisionByZeroError $e) {
        logLine('2', 'ERROR', 'cannot share the items', (string) $e);
    }
    return "hello $name";
};
