/*
 * Sends one signed request to a platform's gate and prints the answer.
 *
 *   java Client.java --url https://HOST/xc/v1/requests --key agency.pem --keyid ID --body request.json
 *
 * --ticket "$XC_REQUEST" instead of --body asks for the result; --ca ca.pem trusts those
 * certificates alone.  A JDK of version 17, nothing else.  Exit status: 0 if it was allowed, 1 if
 * not, 2 if there was no answer, which is no refusal: what is wrong is told.
 */
import java.net.URI;
import java.net.http.*;
import java.nio.file.*;
import java.security.*;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.*;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.*;

public class Client {
    /** Adds to the headers those that sign the request (RFC 9421) with a new nonce. */
    static void sign(PrivateKey key, String keyid, String method, URI url, Map<String, String> headers)
            throws GeneralSecurityException {
        Map<String, String> covered = new LinkedHashMap<>();
        covered.put("@method", method);
        covered.put("@authority", url.getRawAuthority().toLowerCase(Locale.ROOT).replaceFirst(":443$", ""));
        covered.put("@path", url.getRawPath());
        if (url.getRawQuery() != null) {
            covered.put("@query", "?" + url.getRawQuery());
        }
        covered.putAll(headers);
        byte[] nonce = new byte[18];
        new SecureRandom().nextBytes(nonce);
        String params = "(\"" + String.join("\" \"", covered.keySet()) + "\");created="
            + System.currentTimeMillis() / 1000 + ";keyid=\"" + keyid + "\";nonce=\""
            + Base64.getUrlEncoder().encodeToString(nonce) + "\"";
        covered.put("@signature-params", params);
        StringJoiner base = new StringJoiner("\n");
        covered.forEach((name, value) -> base.add("\"" + name + "\": " + value));
        Signature signature = Signature.getInstance("Ed25519");
        signature.initSign(key);
        signature.update(base.toString().getBytes());
        headers.put("signature-input", "sig=" + params);
        headers.put("signature", "sig=:" + Base64.getEncoder().encodeToString(signature.sign()) + ":");
    }

    static SSLContext trust(String ca) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (var pem = Files.newInputStream(Path.of(ca))) {
            for (var c : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
                store.setCertificateEntry("ca" + store.size(), c);
            }
        }
        var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, factory.getTrustManagers(), null);
        return context;
    }

    public static void main(String[] args) throws Exception {
        Thread.currentThread().setUncaughtExceptionHandler((thread, e) -> {
            System.err.println("Client: no answer: " + e);
            System.exit(2);
        });
        Map<String, String> option = new HashMap<>(), headers = new LinkedHashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            option.put(args[i], args[i + 1]);
        }
        URI url = URI.create(option.get("--url"));
        if (!"https".equalsIgnoreCase(url.getScheme())) {
            throw new IllegalArgumentException("--url must begin with https://");
        }
        String ca = option.get("--ca"), ticket = option.get("--ticket"), file = option.get("--body");
        String pem = Files.readString(Path.of(option.get("--key"))).replaceAll("-----.*-----", "");
        PrivateKey key = KeyFactory.getInstance("Ed25519")
            .generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem)));
        if (ticket != null) {
            headers.put("xc-request", ticket);
        }
        byte[] body = file == null ? new byte[0] : Files.readAllBytes(Path.of(file));
        if (file != null) {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(body);
            headers.put("content-type", "application/json");
            headers.put("content-digest", "sha-256=:" + Base64.getEncoder().encodeToString(digest) + ":"); // RFC 9530
        }
        String method = file == null ? "GET" : "POST";
        sign(key, option.get("--keyid"), method, url, headers);
        var request = HttpRequest.newBuilder(url).method(method, file == null
            ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofByteArray(body));
        headers.forEach(request::header);
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1)
            .sslContext(ca == null ? SSLContext.getDefault() : trust(ca)).build();
        var answer = client.sendAsync(request.build(), HttpResponse.BodyHandlers.ofString()).get(1, TimeUnit.MINUTES);
        System.out.println("HTTP " + answer.statusCode());
        for (String name : List.of("XC-Record", "XC-Request", "Retry-After")) {
            System.out.println(name + ": " + answer.headers().firstValue(name).orElse(""));
        }
        System.out.println("\n" + answer.body());
        System.exit(answer.statusCode() < 300 ? 0 : 1);
    }
}
