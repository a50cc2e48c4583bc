<?php
// Logs through Monolog as JSON, which Debian's php-monolog puts here.

require '/usr/share/php/Monolog/autoload.php';

use Monolog\Formatter\JsonFormatter;
use Monolog\Handler\StreamHandler;
use Monolog\Logger;

$handler = new StreamHandler('php://stdout');
$handler->setFormatter(new JsonFormatter());
$logger = new Logger('orders', [$handler]);

return function (array $event) use ($logger): void {
    $logger->info("hello {$event['name']}", ['order' => 17]);
    $logger->warning('only one pear left');
    try {
        intdiv(7, 0);
    } catch (DivisionByZeroError $e) {
        $logger->error('cannot share the items', ['exception' => $e]);
    }
};
