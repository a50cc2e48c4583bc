<?php
// Fails with an exception that nobody catches.

return function (array $event) {
    echo json_encode(['locator' => '1', 'level' => 'INFO', 'text' => "hello {$event['name']}"]), "\n";
    return intdiv(7, 0);
};
