import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.lambda.powertools.logging.PowertoolsLogging;

/** Logs through Powertools without its aspects, without a thought of Logtable. */
public class WithPowertools implements RequestHandler<Map<String, String>, String> {
  private static final Logger logger = LoggerFactory.getLogger(WithPowertools.class);

  @Override
  public String handleRequest(Map<String, String> event, Context context) {
    return PowertoolsLogging.withLogging(context, () -> handle(event));
  }

  private static String handle(Map<String, String> event) {
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
