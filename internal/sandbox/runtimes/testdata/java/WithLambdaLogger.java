import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.util.Map;

/** Logs JSON lines through Lambda's own logger, with a level and without. */
public class WithLambdaLogger implements RequestHandler<Map<String, String>, String> {
  @Override
  public String handleRequest(Map<String, String> event, Context context) {
    LambdaLogger logger = context.getLogger();
    logger.log("{\"locator\":\"1\",\"level\":\"INFO\",\"text\":\"hello " + event.get("name") + "\"}\n");
    try {
      Integer.parseInt("seven");
    } catch (NumberFormatException e) {
      String stack = e + "\\n\\tat " + e.getStackTrace()[0];
      logger.log("{\"locator\":\"2\",\"level\":\"ERROR\",\"text\":\"cannot count the items\",\"exception\":\""
          + stack.replace("\"", "\\\"") + "\"}\n", LogLevel.ERROR);
    }
    return null;
  }
}
