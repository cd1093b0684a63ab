"""Fresh processes that time the arms in blocks of random order."""
