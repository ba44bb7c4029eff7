import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/** Find the entities of a text with the JDK's HttpClient. Usage: java Client.java [URL] */
public class Client {
    public static void main(String[] arguments) throws Exception {
        String url = arguments.length > 0 ? arguments[0] : "http://localhost:3000";
        // Java counts UTF-16 code units, so ask for offsets in them.
        String body = "{\"text\": \"\uD83D\uDE00马云在杭州。\", \"offset_unit\": \"utf16\"}";
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/ner"))
                .header("Content-Type", "application/json")
                .timeout(Duration.ofSeconds(35))
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
        // The service speaks HTTP/1.1; without this, the client asks for an upgrade first.
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200) {
            throw new IllegalStateException(response.statusCode() + ": " + response.body());
        }
        System.out.println(response.body());
    }
}
