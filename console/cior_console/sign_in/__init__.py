"""Who somebody is: passwords, second factors, the city's own sign-in (OpenID Connect), and the sessions they begin."""
