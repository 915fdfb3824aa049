-- Three databases so that three sets of users never meet: operations, what only the response team may open, and the chain of evidence.
CREATE DATABASE IF NOT EXISTS ops;
CREATE DATABASE IF NOT EXISTS sealed;
CREATE DATABASE IF NOT EXISTS ledger;
