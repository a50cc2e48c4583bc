import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs through SLF4J to Logback, whose configuration lays it out as JSON, without a thought of Logtable. */
public class WithSlf4j implements RequestHandler<Map<String, String>, String> {
  private static final Logger logger = LoggerFactory.getLogger("orders");

  @Override
  public String handleRequest(Map<String, String> event, Context context) {
    logger.info("hello {}", event.get("name"));
    logger.warn("only one pear left");
    try {
      Integer.parseInt("seven");
    } catch (NumberFormatException e) {
      logger.error("cannot count the items", e);
    }
    return null;
  }
}
