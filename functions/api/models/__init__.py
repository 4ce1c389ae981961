"""What the API's bodies look like where no other module says it: checked on the way in and on the way out."""
