// Logs through pino with its defaults.

import { pino } from "pino";

const logger = pino({ name: "orders" });

export const handler = async (event, context) => {
  const log = logger.child({ awsRequestId: context.awsRequestId });
  log.info({ order: 17 }, `hello ${event.name}`);
  try {
    null.price;
  } catch (error) {
    log.error(error, "cannot price the order");
  }
};
