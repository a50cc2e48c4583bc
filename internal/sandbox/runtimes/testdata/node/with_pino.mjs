// Logs through pino. By default it writes on another thread, which a frozen or
// ended environment does not wait for: in Lambda it has to be told to write at once.

import { pino } from "pino";

const logger = pino({ name: "orders" }, pino.destination({ sync: true }));

export const handler = async (event, context) => {
  const log = logger.child({ awsRequestId: context.awsRequestId });
  log.info({ order: 17 }, `hello ${event.name}`);
  log.warn("only one pear left");
  try {
    null.price;
  } catch (error) {
    log.error(error, "cannot price the order");
  }
};
