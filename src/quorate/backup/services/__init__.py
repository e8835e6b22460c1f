"""Services of Quorate's own that `quorate up` deploys: the controller, receivers of logs."""
