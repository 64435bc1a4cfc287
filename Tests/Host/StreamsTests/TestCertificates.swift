// Keys and certificates for tests of TLS, made by openssl for a hundred years. They guard nothing.

import Glibc
import Streams

enum TestCertificates {
    /// Signed by itself.
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBiDCCAS+gAwIBAgIUQsRlhWv+b1EM8Tw4hseOcQRddKswCgYIKoZIzj0EAwIw
        GTEXMBUGA1UEAwwOdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIyMTQxOTM2WhgPMjEy
        NjEwMjkxNDE5MzZaMBkxFzAVBgNVBAMMDnRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
        zj0CAQYIKoZIzj0DAQcDQgAEqXyDCaFXd6yOFJeGezmYEgx2Lj2BmhMp1Lr8ltv6
        tdcfCAj+IW2BCqu2uXFfGglnkI7dUa3xQ4+eECBwjLUC8aNTMFEwHQYDVR0OBBYE
        FKm0SsgOsBmXcdX3JKwclLDKGgk8MB8GA1UdIwQYMBaAFKm0SsgOsBmXcdX3JKwc
        lLDKGgk8MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgLKc2idep
        4AVbAvMDYXkhAHwsJXP0s5lJIYRfY+BgAOECIFx6A3bPbh5AHJeIkg4LJz7MlmkB
        FBLVQhVsi5h/1O15
        -----END CERTIFICATE-----

        """

    /// Signed by `authority`.
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBKjCB0AIUSIXqnyziG/LS6s6PDDmuZOYeVHgwCgYIKoZIzj0EAwIwGTEXMBUG
        A1UEAwwOdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIyMTQxOTM3WhgPMjEyNjEwMjkx
        NDE5MzdaMBQxEjAQBgNVBAMMCXRlc3QgcGVlcjBZMBMGByqGSM49AgEGCCqGSM49
        AwEHA0IABGHAQq8oZv0J79W3vFOylkMR9C+M1d+Qb7Dl3E8zzzgqF/MoP+LuPYeg
        Ag/9gyaZAWGfHzZ56EOoH8Pc/ukJOVwwCgYIKoZIzj0EAwIDSQAwRgIhAMRY3rQ4
        QAgA6Pse2pf5ikPzoC++oRwEbc+N2gQE1rBaAiEAnj0ZhKjIJauJ+83YhJMkK5lH
        iDCJzqG46IwfpVe4Cjc=
        -----END CERTIFICATE-----

        """

    /// Of `certificate`.
    static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmAOb6YRRgTnXuLy+
        fn8xJNgn02Kaa063idd3Cj5Eyi6hRANCAARhwEKvKGb9Ce/Vt7xTspZDEfQvjNXf
        kG+w5dxPM884KhfzKD/i7j2HoAIP/YMmmQFhnx82eehDqB/D3P7pCTlc
        -----END PRIVATE KEY-----

        """

    /// Signed by itself; nobody knows it.
    static let strangerCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIBfTCCASOgAwIBAgIUS6nNtyH8VRn0CC1c3AzHoKzh4RUwCgYIKoZIzj0EAwIw
        EzERMA8GA1UEAwwIc3RyYW5nZXIwIBcNMjYxMTIyMTQxOTM2WhgPMjEyNjEwMjkx
        NDE5MzZaMBMxETAPBgNVBAMMCHN0cmFuZ2VyMFkwEwYHKoZIzj0CAQYIKoZIzj0D
        AQcDQgAE18ZNouFKFhFCs3jgGtIEnQsvuJugsmvsp4579Wr5jg/Ih0mY6DS2o0/X
        A+zxnGOxXGT5svzPXnPafAvW1iQb/KNTMFEwHQYDVR0OBBYEFO2sba2hOzS72/5n
        yfc7gkvEoZpAMB8GA1UdIwQYMBaAFO2sba2hOzS72/5nyfc7gkvEoZpAMA8GA1Ud
        EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAOT+LTlNobt7Ko7qg9R3+7kl
        tharUDfyKKwE/zIn+TDoAiAejeOr+HdHQCDlrfB7fAKXEj4vTS/HC463vYyyr7rf
        Fg==
        -----END CERTIFICATE-----

        """

    /// Of `strangerCertificate`.
    static let strangerKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQga+cHkIqsBc+DJv3H
        t4PzaM/Vm5612oYTHvG0f6AeZPyhRANCAATXxk2i4UoWEUKzeOAa0gSdCy+4m6Cy
        a+ynjnv1avmOD8iHSZjoNLajT9cD7PGcY7FcZPmy/M9ec9p8C9bWJBv8
        -----END PRIVATE KEY-----

        """

    /// Files of the peer that `authority` vouches for.
    static func trusted(in directory: TemporaryDirectory) -> TLSFiles {
        TLSFiles(
            privateKey: directory.write(key, to: "key.pem"),
            certificate: directory.write(certificate, to: "certificate.pem"),
            authority: directory.write(authority, to: "authority.pem"))
    }

    /// Files of one whom nobody vouches for, who himself believes `authority`.
    static func stranger(in directory: TemporaryDirectory) -> TLSFiles {
        TLSFiles(
            privateKey: directory.write(strangerKey, to: "stranger-key.pem"),
            certificate: directory.write(strangerCertificate, to: "stranger.pem"),
            authority: directory.write(authority, to: "authority.pem"))
    }
}
