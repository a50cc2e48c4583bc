// Logs through winston as JSON.

import winston from "winston";

const logger = winston.createLogger({
  format: winston.format.combine(winston.format.errors({ stack: true }), winston.format.json()),
  defaultMeta: { logger: "orders" },
  transports: [new winston.transports.Console()],
});

export const handler = async (event, context) => {
  logger.info(`hello ${event.name}`, { order: 17, requestId: context.awsRequestId });
  logger.warn("only one pear left", { requestId: context.awsRequestId });
  try {
    null.price;
  } catch (error) {
    logger.error("cannot price the order", { stack: error.stack, requestId: context.awsRequestId });
  }
};
