<?php
// Logs JSON lines through error_log, which writes to stderr.

return function (array $event): void {
    error_log(json_encode(['locator' => '1', 'level' => 'INFO', 'text' => "hello {$event['name']}"]));
    try {
        intdiv(7, 0);
    } catch (DivisionByZeroError $e) {
        error_log(json_encode(['locator' => '2', 'level' => 'ERROR', 'text' => 'cannot share the items', 'exception' => (string) $e]));
    }
};
